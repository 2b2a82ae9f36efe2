package org.longform.spark.job;

import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToLongFunction;

/**
 * What a job would take.
 *
 * @param documents that are still to be read
 * @param rowsBefore rows that are in the table already
 * @param writing how long answers are
 * @param probes one for each device that was measured
 */
record Forecast(
    List<Document> documents,
    long rowsBefore,
    int tasks,
    int batches,
    Memory memory,
    Writing writing,
    Cluster cluster,
    List<SpeedProbe> probes) {
  private static final int FIRST_BORDER = 1024;
  private static final int BORDER_FACTOR = 4;
  private static final int BAR = 40;

  /**
   * @param tokens to read
   * @param answers to write
   * @param kvBytes of keys and values at once, at most
   * @param heapBytes on the Java heap that the context remembers of it
   */
  record Document(long tokens, long answers, long kvBytes, long heapBytes) {}

  /**
   * @param mostTokens of an answer; 0 where nothing is written
   * @param usualTokens of the answers that the table has, if any
   */
  record Writing(long mostTokens, OptionalDouble usualTokens) {
    double expectedTokens() {
      return Math.min(mostTokens, usualTokens.orElse(mostTokens));
    }
  }

  /** A model that reads beside the one that writes, and the bytes of its weights. */
  record SecondModel(String name, long bytes) {}

  /**
   * @param modelBytes of the weights, mapped or copied
   * @param secondModels at most one
   * @param kvBytesPerToken of keys and values as kvDType stores them, of all models together
   * @param budgetBytes for keys and values of one executor
   * @param pinnedBytes of the host for what a card has no room for
   */
  record Memory(
      String model,
      long modelBytes,
      List<SecondModel> secondModels,
      String method,
      String kvDType,
      long kvBytesPerToken,
      long budgetBytes,
      long pinnedBytes) {}

  /**
   * @param executors processes with a loaded model each
   * @param slots tasks that one of them runs at once
   */
  record Cluster(int executors, int slots) {}

  String text() {
    StringBuilder text = new StringBuilder();
    line(
        text,
        "documents",
        "%,d to read, %,d rows are in the table already",
        documents.size(),
        rowsBefore);
    lengths(text);
    memory(text);
    answers(text);
    line(
        text,
        "tasks",
        "%,d in %,d batches, for %d executors with %d slots each",
        tasks,
        batches,
        cluster.executors(),
        cluster.slots());
    for (SpeedProbe probe : probes) {
      time(text, probe);
    }
    text.append(
        "Times are estimates from a short probe on this machine. Nothing was written.%n"
            .formatted());
    return text.toString();
  }

  private void lengths(StringBuilder text) {
    long[] lengths = documents.stream().mapToLong(Document::tokens).sorted().toArray();
    if (lengths.length == 0) {
      return;
    }
    line(
        text,
        "tokens",
        "%,d; shortest %,d, median %,d, longest %,d",
        Arrays.stream(lengths).sum(),
        lengths[0],
        lengths[lengths.length / 2],
        lengths[lengths.length - 1]);
    int next = 0;
    int most = mostInOneRange(lengths);
    for (long from = 0, to = FIRST_BORDER; next < lengths.length; from = to, to *= BORDER_FACTOR) {
      int begin = next;
      long tokens = 0;
      while (next < lengths.length && lengths[next] < to) {
        tokens += lengths[next++];
      }
      int count = next - begin;
      if (begin == 0 && count == 0) {
        continue; // nothing is as short as this
      }
      int bar = (int) Math.ceil((double) BAR * count / most);
      line(
          text,
          "",
          "%,13d to %,13d  %-" + BAR + "s %,d with %,d tokens",
          from,
          to - 1,
          "#".repeat(bar),
          count,
          tokens);
    }
  }

  private static int mostInOneRange(long[] lengths) {
    int most = 1;
    for (long from = 0, to = FIRST_BORDER;
        from <= lengths[lengths.length - 1];
        from = to, to *= BORDER_FACTOR) {
      long low = from;
      long high = to;
      most = Math.max(most, (int) Arrays.stream(lengths).filter(n -> n >= low && n < high).count());
    }
    return most;
  }

  private void memory(StringBuilder text) {
    line(text, "model", "%s, weights %s", memory.model(), mebibytes(memory.modelBytes()));
    for (SecondModel second : memory.secondModels()) {
      line(text, "", "and beside it %s, weights %s", second.name(), mebibytes(second.bytes()));
    }
    long largest = documents.stream().mapToLong(Document::kvBytes).max().orElse(0);
    long together = mostAtOnce(Document::kvBytes);
    line(
        text,
        "KV memory",
        "%s as %s, %,d bytes a token: %s for the largest document, %s for the %d largest at once",
        memory.method(),
        memory.kvDType(),
        memory.kvBytesPerToken(),
        mebibytes(largest),
        mebibytes(together),
        Math.min(cluster.slots(), documents.size()));
    boolean unlimited = memory.budgetBytes() == Long.MAX_VALUE;
    line(
        text,
        "",
        "an executor keeps %s in memory%s",
        unlimited ? "everything" : "up to " + mebibytes(memory.budgetBytes()),
        unlimited ? "" : beyond(together - memory.budgetBytes()));
    long heap = mostAtOnce(Document::heapBytes);
    if (heap > 0) {
      line(
          text,
          "Java heap",
          "%s for what %s remembers of the %d largest documents at once",
          mebibytes(heap),
          memory.method(),
          Math.min(cluster.slots(), documents.size()));
    }
  }

  /** Where keys and values go that an executor has no room for. */
  private String beyond(long bytes) {
    long pinned = Math.min(bytes, memory.pinnedBytes());
    return (pinned > 0 ? "; %s go to pinned memory".formatted(mebibytes(pinned)) : "")
        + (bytes > pinned ? "; %s go to its local disk".formatted(mebibytes(bytes - pinned)) : "");
  }

  /** Of as many documents as an executor reads at once. */
  private long mostAtOnce(ToLongFunction<Document> bytes) {
    return documents.stream()
        .mapToLong(bytes)
        .boxed()
        .sorted(Comparator.reverseOrder())
        .limit(cluster.slots())
        .mapToLong(Long::longValue)
        .sum();
  }

  private void answers(StringBuilder text) {
    if (writing.mostTokens() == 0) {
      return;
    }
    if (writing.usualTokens().isPresent()) {
      line(
          text,
          "answers",
          "%,.0f tokens each, as those in the table; at most %,d",
          writing.expectedTokens(),
          writing.mostTokens());
    } else {
      line(
          text,
          "answers",
          "at most %,d tokens each; the table has none to learn from (read some with --limit)",
          writing.mostTokens());
    }
  }

  private void time(StringBuilder text, SpeedProbe probe) {
    double reading = 0;
    double written = 0;
    double longest = 0;
    double longestReading = 0;
    for (Document document : documents) {
      double read = probe.reading().of(0, document.tokens());
      // every answer begins behind the document
      double write =
          document.answers() * writing.expectedTokens() * probe.writing().of(document.tokens(), 1);
      reading += read;
      written += write;
      longest = Math.max(longest, read + write);
      longestReading = Math.max(longestReading, read);
    }
    int atOnce = cluster.executors() * atOnce(probe);
    String least = clock(Math.max(longestReading, reading / atOnce));
    String most = clock(Math.max(longest, (reading + written) / atOnce));
    boolean known = writing.mostTokens() == 0 || writing.usualTokens().isPresent();
    String total = known || least.equals(most) ? most : least + " to " + most;
    line(
        text,
        "device " + probe.device(),
        "about %s: %s reading, %s%s writing (%d threads, %d documents at once)",
        total,
        clock(reading / atOnce),
        known ? "" : "at most ",
        clock(written / atOnce),
        probe.threads(),
        atOnce);
    line(
        text,
        "",
        "measured: reads %,.0f tokens/s at the beginning, %,.0f after %,d; writes %,.1f tokens/s there",
        1 / Math.max(1e-9, probe.reading().of(0, 1)),
        1 / Math.max(1e-9, probe.reading().of(probe.tokens(), 1)),
        probe.tokens(),
        1 / Math.max(1e-9, probe.writing().of(probe.tokens(), 1)));
  }

  /** Documents that a process reads at the speed of the probe: it used some of the threads. */
  private int atOnce(SpeedProbe probe) {
    int cores = Runtime.getRuntime().availableProcessors();
    return Math.max(1, Math.min(cluster.slots(), cores / Math.max(1, probe.threads())));
  }

  private static String clock(double seconds) {
    return ProgressLine.clock(Duration.ofMillis((long) Math.ceil(seconds * 1000)));
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f MiB", bytes / (double) (1 << 20));
  }

  private static void line(StringBuilder text, String name, String format, Object... values) {
    text.append(
        String.format(Locale.ROOT, "%-14s%s%n", name, String.format(Locale.ROOT, format, values)));
  }
}
