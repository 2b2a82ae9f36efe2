package org.longform.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;

/** Where the body of an answer goes, part by part, on a thread of the HTTP client. */
interface BodyTaker {
  /** Called once, before the first part. */
  void begin(int status, HttpHeaders headers) throws IOException;

  void accept(ByteBuffer part) throws IOException;

  /** What is to be kept with the answer. */
  default byte[] kept() {
    return new byte[0];
  }

  /** Keeps a body that is not larger than a limit. */
  final class InMemory implements BodyTaker {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final int limit;

    InMemory(int limit) {
      this.limit = limit;
    }

    @Override
    public void begin(int status, HttpHeaders headers) {
      // any answer will do
    }

    @Override
    public synchronized void accept(ByteBuffer part) throws IOException {
      if (bytes.size() + (long) part.remaining() > limit) {
        throw new HubMisbehaved("it sent more than %,d bytes of description".formatted(limit));
      }
      byte[] copy = new byte[part.remaining()];
      part.get(copy);
      bytes.write(copy, 0, copy.length);
    }

    @Override
    public synchronized byte[] kept() {
      return bytes.toByteArray();
    }
  }
}
