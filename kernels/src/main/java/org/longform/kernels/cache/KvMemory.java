package org.longform.kernels.cache;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How much memory the keys and values of a process may take, and where the rest goes: pages beyond
 * the budget move to files that have no name, so that nothing is left behind however the process
 * ends.
 *
 * <p>The documents that are open share the budget evenly. A document over its share moves its
 * oldest pages to disk before it reads its next block; one that is not is left alone, so a document
 * that comes late gets its share as soon as the others read on. What a document cannot do without
 * (its first and newest pages, the block it reads) stays in memory even if the budget is smaller.
 */
public final class KvMemory {
  /** Everything stays in memory. */
  public static final KvMemory UNLIMITED = new KvMemory(Long.MAX_VALUE, null, KvMemory::unlinked);

  /** Opens an empty file in a directory, for reading and writing. */
  interface FileOpener {
    FileChannel open(Path directory) throws IOException;
  }

  private final long budgetBytes;
  private final Path directory;
  private final FileOpener opener;
  private final AtomicLong memoryBytes = new AtomicLong();
  private final AtomicLong diskBytes = new AtomicLong();
  private final AtomicInteger documents = new AtomicInteger();

  /**
   * @param budgetBytes of memory for all sessions together that are given this object
   * @param directory on a local disk
   */
  public KvMemory(long budgetBytes, Path directory) {
    this(budgetBytes, Objects.requireNonNull(directory, "directory"), KvMemory::unlinked);
  }

  KvMemory(long budgetBytes, Path directory, FileOpener opener) {
    if (budgetBytes < 0) {
      throw new IllegalArgumentException(
          "Cannot keep keys and values in %d bytes: the number is negative."
              .formatted(budgetBytes));
    }
    this.budgetBytes = budgetBytes;
    this.directory = directory;
    this.opener = opener;
  }

  public long budgetBytes() {
    return budgetBytes;
  }

  /** Where pages beyond the budget go; empty if there is no such thing. */
  public Optional<Path> directory() {
    return Optional.ofNullable(directory);
  }

  /** Bytes of pages in memory now. */
  public long memoryBytes() {
    return memoryBytes.get();
  }

  /** Bytes of pages on disk now. */
  public long diskBytes() {
    return diskBytes.get();
  }

  boolean crowded(long ownBytes, long moreBytes) {
    return memoryBytes.get() > budgetBytes - moreBytes
        && ownBytes > budgetBytes / Math.max(1, documents.get()) - moreBytes;
  }

  FileChannel openFile() throws IOException {
    return opener.open(directory);
  }

  void memoryChanged(long bytes) {
    memoryBytes.addAndGet(bytes);
  }

  void diskChanged(long bytes) {
    diskBytes.addAndGet(bytes);
  }

  void documentOpened() {
    documents.incrementAndGet();
  }

  void documentClosed() {
    documents.decrementAndGet();
  }

  private static FileChannel unlinked(Path directory) throws IOException {
    Path file = Files.createTempFile(directory, "longform-kv-", null);
    try {
      // on Unix the name goes as soon as the file is open
      return FileChannel.open(
          file,
          StandardOpenOption.READ,
          StandardOpenOption.WRITE,
          StandardOpenOption.DELETE_ON_CLOSE);
    } catch (IOException e) {
      Files.deleteIfExists(file);
      throw e;
    }
  }
}
