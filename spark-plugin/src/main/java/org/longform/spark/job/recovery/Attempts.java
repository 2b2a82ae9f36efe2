package org.longform.spark.job.recovery;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkExecutorInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Marks of documents that were begun. A mark goes when its reading ends in whatever way; those of a
 * process that ended itself stay, and say which documents it was reading.
 *
 * <p>A mark is an empty file named {@code hash.process.unique}.
 */
public final class Attempts {
  private static final Logger LOG = LoggerFactory.getLogger(Attempts.class);
  private static final long POLL_MILLIS = 100;

  // by then a reading was told to end, or its executor is lost
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(1);

  private final WorkDirectory work;

  Attempts(WorkDirectory work) {
    this.work = work;
  }

  /** The mark of one reading. Closing removes it. */
  public final class Mark implements AutoCloseable {
    private final Path file;

    private Mark(Path file) {
      this.file = file;
    }

    /** Removes the document's other marks: it got further than before. */
    public void forgetOthers() {
      try {
        String hash = WorkDirectory.hashOf(file);
        for (FileStatus other : work.list(work.marks())) {
          if (WorkDirectory.hashOf(other.getPath()).equals(hash)
              && !other.getPath().getName().equals(file.getName())) {
            work.files().delete(other.getPath(), false);
          }
        }
      } catch (IOException e) {
        LOG.warn("Left marks of an earlier attempt: {}", e.toString());
      }
    }

    @Override
    public void close() {
      try {
        work.files().delete(file, false);
      } catch (IOException e) {
        LOG.warn("Left the mark {}: {}", file, e.toString());
      }
    }
  }

  /** Marks a document as begun by this process. That it cannot be marked does not stop it. */
  public Mark begin(String contentHash) {
    Path file = new Path(work.marks(), contentHash + "." + thisProcess() + "." + UUID.randomUUID());
    try {
      work.files().create(file, false).close();
    } catch (IOException e) {
      LOG.warn("Read a document without a mark: {}", e.toString());
    }
    return new Mark(file);
  }

  /** How many marks each document has, of readings that ended with their process or still run. */
  public Map<String, Integer> all() throws IOException {
    return counts(Set.of());
  }

  /**
   * How many readings of each document ended with their process. Waits a while for those that still
   * run, which is what cancelled ones do for a moment.
   *
   * @param documents whose readings are to be waited for
   */
  public Map<String, Integer> ended(SparkContext context, Set<String> documents)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + LONGEST_WAIT.toNanos();
    Set<String> running = processes(context);
    while (anyRuns(documents, running)) {
      if (System.nanoTime() > deadline) {
        return all();
      }
      Thread.sleep(POLL_MILLIS);
      running = processes(context);
    }
    return counts(running);
  }

  private boolean anyRuns(Set<String> documents, Set<String> processes) throws IOException {
    for (FileStatus mark : work.list(work.marks())) {
      if (documents.contains(WorkDirectory.hashOf(mark.getPath()))
          && processes.contains(processOf(mark.getPath()))) {
        return true;
      }
    }
    return false;
  }

  private Map<String, Integer> counts(Set<String> without) throws IOException {
    Map<String, Integer> counts = new HashMap<>();
    for (FileStatus mark : work.list(work.marks())) {
      if (!without.contains(processOf(mark.getPath()))) {
        counts.merge(WorkDirectory.hashOf(mark.getPath()), 1, Integer::sum);
      }
    }
    return counts;
  }

  // the block managers that Spark lists beside these include dead ones
  private static Set<String> processes(SparkContext context) {
    Set<String> found = new HashSet<>();
    for (SparkExecutorInfo executor : context.statusTracker().getExecutorInfos()) {
      found.add(process(context.applicationId(), executor.host() + ":" + executor.port()));
    }
    return found;
  }

  private static String thisProcess() {
    SparkEnv env = SparkEnv.get();
    return process(env.conf().getAppId(), env.blockManager().blockManagerId().hostPort());
  }

  private static String process(String application, String address) {
    return (application + "_" + address).replaceAll("[^A-Za-z0-9_-]", "_");
  }

  private static String processOf(Path mark) {
    String[] parts = mark.getName().split("\\.");
    return parts.length == 3 ? parts[1] : "";
  }
}
