package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.longform.kernels.error.LongformException;

/**
 * The header of a GGUF file from its first byte on, in bounded memory: nothing is allocated for a
 * length that the file cannot hold.
 */
final class GgufInput {
  // metadata with a large vocabulary and its merges takes about 10 MB
  private static final long MAX_HEADER_BYTES = 256L << 20;
  private static final int BUFFER_BYTES = 1 << 16;

  private final Path file;
  private final FileChannel channel;
  private final long size;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);

  // place in the file of the buffer's end
  private long read;

  GgufInput(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    this.size = channel.size();
  }

  /** Bytes read so far. */
  long position() {
    return read - buffer.remaining();
  }

  long fileBytes() {
    return size;
  }

  /** Refuses a list of {@code count} items of at least {@code leastBytes} that cannot be there. */
  void requireRoom(long count, int leastBytes, String what) {
    long room = Math.min(size, MAX_HEADER_BYTES) - position();
    if (count < 0 || count > room / leastBytes) {
      throw invalid(
          "%s has %s entries, expected at most %d, which the rest of %s can hold"
              .formatted(
                  what,
                  Long.toUnsignedString(count),
                  Math.max(0, room / leastBytes),
                  size <= MAX_HEADER_BYTES ? "the file" : "a header of 256 MiB"));
    }
  }

  /** A whole number of 1, 2, 4 or 8 bytes. */
  long signed(int bytes, String what) {
    need(bytes, what);
    return switch (bytes) {
      case 1 -> buffer.get();
      case 2 -> buffer.getShort();
      case 4 -> buffer.getInt();
      default -> buffer.getLong();
    };
  }

  /** As {@link #signed}, without sign for fewer than 8 bytes. */
  long unsigned(int bytes, String what) {
    long value = signed(bytes, what);
    return bytes == Long.BYTES ? value : value & ((1L << (bytes * 8)) - 1);
  }

  float float32(String what) {
    need(Float.BYTES, what);
    return buffer.getFloat();
  }

  double float64(String what) {
    need(Double.BYTES, what);
    return buffer.getDouble();
  }

  /** A text of UTF-8 with its length before it. */
  String text(long largest, String what) {
    long length = signed(Long.BYTES, what);
    if (length < 0 || length > largest || length > size - position()) {
      throw invalid(
          "%s has %s bytes, expected at most %d"
              .formatted(
                  what, Long.toUnsignedString(length), Math.min(largest, size - position())));
    }
    requireInHeader(length);
    byte[] bytes = new byte[(int) length];
    for (int done = 0; done < bytes.length; ) {
      if (!buffer.hasRemaining()) {
        need(1, what);
      }
      int some = Math.min(buffer.remaining(), bytes.length - done);
      buffer.get(bytes, done, some);
      done += some;
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw invalid("%s is not UTF-8 text".formatted(what));
    }
  }

  private void requireInHeader(long bytes) {
    if (position() + bytes > MAX_HEADER_BYTES) {
      throw invalid("its header goes on behind %d bytes".formatted(MAX_HEADER_BYTES));
    }
  }

  private void need(int bytes, String what) {
    if (buffer.remaining() >= bytes) {
      return;
    }
    if (size - position() < bytes) {
      throw invalid("it ends after %d bytes, in the middle of %s".formatted(size, what));
    }
    requireInHeader(bytes);
    buffer.compact();
    try {
      while (buffer.position() < bytes) {
        int some = channel.read(buffer, read);
        if (some < 0) {
          throw invalid("it ended while its header was read");
        }
        read += some;
      }
    } catch (IOException e) {
      throw invalid("it cannot be read (%s)".formatted(e));
    }
    buffer.flip();
  }

  LongformException invalid(String why) {
    return TensorFile.invalid(file, why);
  }
}
