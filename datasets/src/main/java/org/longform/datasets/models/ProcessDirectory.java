package org.longform.datasets.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A directory that belongs to one process and is gone when it ends. A process that is killed cannot
 * clean up; so each holds a lock on a file beside its directory, and the next process that starts
 * removes the directories whose lock nobody holds.
 */
final class ProcessDirectory {
  private static final String LOCK = ".lock";

  private final Path directory;
  private final ProcessLock lock;

  private ProcessDirectory(Path directory, ProcessLock lock) {
    this.directory = directory;
    this.lock = lock;
  }

  /**
   * A new directory, readable by this user only.
   *
   * @param parent a directory that processes share
   * @param prefix tells these directories from others in the parent
   */
  static ProcessDirectory create(Path parent, String prefix) throws IOException {
    removeDead(parent, prefix);
    while (true) {
      Path directory = parent.resolve(prefix + UUID.randomUUID());
      Optional<ProcessLock> lock = ProcessLock.tryHold(lockOf(directory));
      if (lock.isPresent()) {
        ProcessDirectory created = new ProcessDirectory(directory, lock.get());
        try {
          // Java gives temporary directories to their user only
          Files.move(Files.createTempDirectory(parent, ".longform-"), directory);
          return created;
        } catch (IOException | RuntimeException e) {
          created.delete();
          throw e;
        }
      }
    }
  }

  Path path() {
    return directory;
  }

  /** Removes the directory with all that is in it. */
  void delete() throws IOException {
    try (lock) {
      Trees.delete(directory);
      lock.delete();
    }
  }

  /** Removes the directories whose processes are gone. */
  static void removeDead(Path parent, String prefix) throws IOException {
    for (Path lockFile : lockFiles(parent, prefix)) {
      String name = lockFile.getFileName().toString();
      Path directory = parent.resolve(name.substring(0, name.length() - LOCK.length()));
      try {
        Optional<ProcessLock> lock = ProcessLock.tryHold(lockFile);
        if (lock.isPresent()) {
          new ProcessDirectory(directory, lock.get()).delete();
        }
      } catch (IOException e) {
        // another user's: their next process removes it
      }
    }
  }

  private static List<Path> lockFiles(Path parent, String prefix) throws IOException {
    try (Stream<Path> entries = Files.list(parent)) {
      return entries
          .filter(
              entry -> {
                String name = entry.getFileName().toString();
                return name.startsWith(prefix) && name.endsWith(LOCK);
              })
          .toList();
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  private static Path lockOf(Path directory) {
    return directory.resolveSibling(directory.getFileName() + LOCK);
  }
}
