package org.longform.kernels.cache;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much memory the keys and values of a process may take, and where the rest goes: pages beyond
 * the budget move to pinned memory of the host, where a device has memory of its own and reads
 * that, too, and then to files that have no name, so that nothing is left behind however the
 * process ends.
 *
 * <p>The documents that are open share the budget evenly. A document over its share moves its
 * oldest pages to disk before it reads its next block. If there is still no room for the block, the
 * pages of documents that are not reading right now go to disk, and the block waits for those that
 * are ({@link #claim}). So memory stays within the budget unless a single block needs more: then
 * that block is alone in memory. A device may have less room than the budget: where it refuses a
 * page, older ones and those of documents that are not reading go, too.
 *
 * <p>This is not a consumer of Spark's memory manager. That one accounts memory to a task and frees
 * it when the task ends, and asks a consumer to spill on the thread of another task; pages here
 * belong to documents whose forks and batches are read by several threads, may not move while a
 * device holds their addresses, and are not on Spark's heap or its pool of off-heap memory, which
 * is empty unless a user sets its size.
 */
public final class KvMemory {
  /** Everything stays in memory. */
  public static final KvMemory UNLIMITED =
      new KvMemory(Long.MAX_VALUE, 0, null, KvMemory::unlinked);

  private static final Logger LOG = LoggerFactory.getLogger(KvMemory.class);

  /** Opens an empty file in a directory, for reading and writing. */
  interface FileOpener {
    FileChannel open(Path directory) throws IOException;
  }

  // how often a block that waits looks whether it was cancelled
  private static final long POLL_MILLIS = 50;

  private final long budgetBytes;
  private final Path directory;
  private final FileOpener opener;
  // what follows is guarded by this; stores call in while they hold their own lock, so no store is
  // called from inside
  private final List<PageStore> documents = new ArrayList<>();
  private final Deque<Object> waiting = new ArrayDeque<>();
  private long memoryBytes;
  private long peakMemoryBytes;
  private long diskBytes;
  private long pinnedBudgetBytes;
  private long pinnedBytes;
  // promised to blocks that did not take it yet
  private long grantedBytes;
  // asked for by blocks that wait
  private long wantedBytes;
  // how often somebody reads a document, or asks for its memory, now; and how often that ended
  private int stirring;
  private long rests;

  /**
   * @param budgetBytes of memory for all sessions together that are given this object
   * @param directory on a local disk
   */
  public KvMemory(long budgetBytes, Path directory) {
    this(budgetBytes, 0, directory);
  }

  /**
   * @param budgetBytes of the memory that a device works in, for all sessions together that are
   *     given this object
   * @param pinnedBytes of memory of the host that a device with memory of its own reads where it
   *     lies
   * @param directory on a local disk
   */
  public KvMemory(long budgetBytes, long pinnedBytes, Path directory) {
    this(
        budgetBytes,
        pinnedBytes,
        Objects.requireNonNull(directory, "directory"),
        KvMemory::unlinked);
  }

  KvMemory(long budgetBytes, long pinnedBytes, Path directory, FileOpener opener) {
    if (budgetBytes < 0 || pinnedBytes < 0) {
      throw new IllegalArgumentException(
          "Cannot keep keys and values in %d bytes: the number is negative."
              .formatted(Math.min(budgetBytes, pinnedBytes)));
    }
    this.budgetBytes = budgetBytes;
    this.pinnedBudgetBytes = pinnedBytes;
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

  /** Bytes of pages in memory now, and of what is derived from them to search them. */
  public synchronized long memoryBytes() {
    return memoryBytes;
  }

  /** Largest value of {@link #memoryBytes} so far. */
  public synchronized long peakMemoryBytes() {
    return peakMemoryBytes;
  }

  /** Bytes of pages on disk now. */
  public synchronized long diskBytes() {
    return diskBytes;
  }

  /** Bytes of pages in pinned memory now. */
  public synchronized long pinnedBytes() {
    return pinnedBytes;
  }

  /** Those that there may be; fewer than were asked for once the operating system had no more. */
  public synchronized long pinnedBudgetBytes() {
    return pinnedBudgetBytes;
  }

  synchronized boolean hasPinnedRoom(long bytes) {
    return pinnedBytes <= pinnedBudgetBytes - bytes;
  }

  synchronized boolean takePinned(long bytes) {
    boolean room = hasPinnedRoom(bytes);
    pinnedBytes += room ? bytes : 0;
    return room;
  }

  synchronized void pinnedChanged(long bytes) {
    pinnedBytes += bytes;
  }

  /** There is no more than is taken, and nobody asks again. */
  synchronized void pinnedRefused(LongformException refusal) {
    pinnedBudgetBytes = pinnedBytes;
    LOG.warn(
        "Keys and values get no more pinned memory than {} bytes, what is beyond goes to disk: {}",
        pinnedBytes,
        refusal.getMessage());
  }

  synchronized boolean crowded(long ownBytes, long moreBytes) {
    return memoryBytes + grantedBytes + wantedBytes > budgetBytes - moreBytes
        && ownBytes > share() - moreBytes;
  }

  private long share() {
    return budgetBytes / Math.max(1, documents.size());
  }

  /**
   * Promises memory to a document that is about to read a block, when there is room: first come,
   * first served. To be called while the caller's thread reads no document.
   *
   * @param cancelled polled while waiting
   * @throws LongformException CANCELLED, or OUT_OF_MEMORY if what must go does not fit on the disk
   */
  void claim(PageStore asking, long bytes, BooleanSupplier cancelled) {
    Object ticket = new Object();
    synchronized (this) {
      if (waiting.isEmpty() && grant(bytes)) {
        return;
      }
      waiting.add(ticket);
      wantedBytes += bytes;
    }
    try {
      while (!claimed(ticket, asking, bytes)) {
        if (cancelled.getAsBoolean()) {
          throw cancelled("");
        }
        pause();
      }
    } finally {
      synchronized (this) {
        wantedBytes -= bytes;
        waiting.remove(ticket);
        notifyAll();
      }
    }
  }

  private boolean claimed(Object ticket, PageStore asking, long bytes) {
    long share;
    List<PageStore> others;
    synchronized (this) {
      if (waiting.peek() != ticket) {
        return false;
      }
      if (grant(bytes)) {
        return true;
      }
      share = share();
      others = others(asking);
    }
    boolean allIdle = true;
    for (PageStore other : others) {
      allIdle &= other.giveUp(share, () -> fits(bytes));
    }
    for (PageStore other : allIdle ? others : List.<PageStore>of()) {
      allIdle &= other.giveUp(0, () -> fits(bytes));
    }
    synchronized (this) {
      if (allIdle && !fits(bytes)) {
        // nothing is left that could go: this block does not do with less
        grantedBytes += bytes;
        return true;
      }
      return grant(bytes);
    }
  }

  private List<PageStore> others(PageStore asking) {
    return documents.stream().filter(store -> store != asking).toList();
  }

  /**
   * Gives back memory of a device that sketches of documents have which are not being read right
   * now. To be called while the caller's document is not being read.
   *
   * @return whether there was any
   */
  boolean dropSketchesOnDevice(PageStore asking, long bytes) {
    List<PageStore> others;
    synchronized (this) {
      others = others(asking);
    }
    long dropped = 0;
    for (PageStore other : others) {
      dropped += dropped < bytes ? other.dropSketchesOnDevice(bytes - dropped) : 0;
    }
    return dropped > 0;
  }

  /**
   * Moves pages of documents that are not being read right now: a device may have no room where the
   * budget has. To be called while the caller's document is not being read.
   *
   * @return whether any went
   */
  boolean moveAway(PageStore asking, long bytes) {
    List<PageStore> others;
    long before;
    synchronized (this) {
      others = others(asking);
      before = movedBytes();
    }
    for (PageStore other : others) {
      other.giveUp(0, () -> movedBytes() - before >= bytes);
    }
    return movedBytes() > before;
  }

  private synchronized long movedBytes() {
    return pinnedBytes + diskBytes;
  }

  /**
   * Waits a little for a document that a full device refused memory, or until another one is at
   * rest; not at all if all are. To be called while the caller's thread reads no document.
   *
   * @param cancelled asked before waiting
   * @throws LongformException CANCELLED
   */
  void awaitOthers(BooleanSupplier cancelled) {
    if (cancelled.getAsBoolean()) {
      throw cancelled(" of the device");
    }
    synchronized (this) {
      if (stirring > 0) {
        pause();
      }
    }
  }

  private synchronized boolean fits(long bytes) {
    return memoryBytes + grantedBytes <= budgetBytes - bytes;
  }

  private synchronized boolean grant(long bytes) {
    if (!fits(bytes)) {
      return false;
    }
    grantedBytes += bytes;
    return true;
  }

  private synchronized void pause() {
    try {
      wait(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw cancelled(" (interrupted)");
    }
  }

  private LongformException cancelled(String how) {
    String taken =
        budgetBytes == Long.MAX_VALUE
            ? "%,d bytes".formatted(memoryBytes())
            : "%,d of %,d bytes".formatted(memoryBytes(), budgetBytes);
    return new LongformException(
        ErrorClass.CANCELLED,
        "Cannot read on: the row was cancelled while it waited for memory%s (%s are taken). Run it again."
            .formatted(how, taken));
  }

  /** Gives back what {@link #claim} promised. */
  synchronized void settle(long bytes) {
    grantedBytes -= bytes;
    notifyAll();
  }

  /** Takes memory that nobody is promised, if there is as much. */
  synchronized boolean takeFree(long bytes) {
    boolean free = fits(bytes);
    if (free) {
      memoryChanged(bytes);
    }
    return free;
  }

  FileChannel openFile() throws IOException {
    return opener.open(directory);
  }

  synchronized void memoryChanged(long bytes) {
    memoryBytes += bytes;
    peakMemoryBytes = Math.max(peakMemoryBytes, memoryBytes);
    if (bytes < 0) {
      notifyAll();
    }
  }

  synchronized void diskChanged(long bytes) {
    diskBytes += bytes;
  }

  /** From now on a document holds memory that it will give back, or that may not move. */
  synchronized void documentStirs() {
    stirring++;
  }

  /** A document gave back what it asked for in vain, or its pages may move now. */
  synchronized void documentRests() {
    stirring--;
    rests++;
    notifyAll();
  }

  /** How often a document came to rest so far, or was closed. */
  synchronized long rests() {
    return rests;
  }

  /** Whether the only one that stirs was alone since so many {@link #rests}. */
  synchronized boolean aloneSince(long before) {
    // who stirred then still does, or has come to rest
    return stirring == 1 && rests == before;
  }

  synchronized void documentOpened(PageStore store) {
    documents.add(store);
  }

  synchronized void documentClosed(PageStore store) {
    documents.remove(store);
    rests++;
    notifyAll();
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
