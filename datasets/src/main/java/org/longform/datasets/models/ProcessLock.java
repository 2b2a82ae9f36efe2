package org.longform.datasets.models;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file that one process of a machine holds at a time. The system gives it back however the
 * process ends, so what is locked by nobody was left by a process that is gone.
 */
public final class ProcessLock implements AutoCloseable {
  private static final String HELD = "longform.held:";
  private static final long POLL_MILLIS = 50;

  private final Path file;
  // closing it gives the lock back
  private final FileChannel channel;

  private ProcessLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** The lock on a file, which is created if need be; empty if somebody holds it. */
  public static Optional<ProcessLock> tryHold(Path file) throws IOException {
    Path known = file.toAbsolutePath().normalize();
    // a process that opens and closes a file it has locked loses the lock, whichever class loader
    // does it, so what this process holds is noted where all of them see it
    if (System.getProperties().putIfAbsent(HELD + known, "") != null) {
      return Optional.empty();
    }
    FileChannel channel = null;
    boolean held = false;
    try {
      channel = FileChannel.open(known, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      // its last holder may have deleted it between the two calls
      held = channel.tryLock() != null && Files.exists(known);
      return held ? Optional.of(new ProcessLock(known, channel)) : Optional.empty();
    } finally {
      if (!held) {
        giveBack(known, channel);
      }
    }
  }

  /**
   * Waits for the lock.
   *
   * @param onWait told once if somebody else holds it
   */
  public static ProcessLock hold(Path file, Runnable onWait)
      throws IOException, InterruptedException {
    boolean told = false;
    while (true) {
      Optional<ProcessLock> lock = tryHold(file);
      if (lock.isPresent()) {
        return lock.get();
      }
      if (!told) {
        onWait.run();
        told = true;
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /** Gives the lock back and removes its file. */
  void delete() throws IOException {
    try {
      Files.deleteIfExists(file);
    } finally {
      close();
    }
  }

  @Override
  public void close() throws IOException {
    giveBack(file, channel);
  }

  private static void giveBack(Path file, FileChannel channel) throws IOException {
    try {
      if (channel != null) {
        channel.close();
      }
    } finally {
      System.getProperties().remove(HELD + file);
    }
  }
}
