package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A file that is written beside its place and appears there whole: {@link #finish} puts it there,
 * {@link #close} without it leaves nothing behind.
 */
final class ReplacedFile implements AutoCloseable {
  private final Path file;
  private final Path partial;
  private final FileChannel channel;
  private boolean finished;

  private ReplacedFile(Path file, Path partial, FileChannel channel) {
    this.file = file;
    this.partial = partial;
    this.channel = channel;
  }

  static ReplacedFile create(Path file) {
    Path place = file.toAbsolutePath();
    Path partial = place.resolveSibling(place.getFileName() + ".partial");
    try {
      return new ReplacedFile(
          place,
          partial,
          FileChannel.open(
              partial,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw failed(place, e);
    }
  }

  /** Appends all that the buffer has left. */
  void write(ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  void finish() {
    try {
      channel.force(true);
      channel.close();
      Files.move(
          partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      finished = true;
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  private static LongformException failed(Path file, IOException e) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot write '%s': the file system refused (%s). Check the path, its permissions and the free space."
            .formatted(file, e),
        e);
  }

  @Override
  public void close() {
    if (finished) {
      return;
    }
    try {
      channel.close();
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      throw failed(file, e);
    }
  }
}
