package org.longform.datasets.jats;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Fails behind a number of bytes instead of ending, so that nothing is cut. */
final class BoundedStream extends FilterInputStream {
  private long left;

  BoundedStream(InputStream in, long maxBytes) {
    super(in);
    this.left = maxBytes;
  }

  @Override
  public int read() throws IOException {
    int b = super.read();
    count(b < 0 ? 0 : 1);
    return b;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    int count = super.read(into, offset, length);
    count(count);
    return count;
  }

  @Override
  public boolean markSupported() {
    return false;
  }

  private void count(int bytes) throws TooLong {
    left -= Math.max(0, bytes);
    if (left < 0) {
      throw new TooLong();
    }
  }

  static final class TooLong extends IOException {
    private static final long serialVersionUID = 1L;
  }
}
