package org.longform.bench.card;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.longform.bench.engines.FilledContext;
import org.longform.bench.engines.Longform;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionStats;
import org.longform.kernels.tensor.Memory;

/**
 * One document that grows: at each depth tokens are read and written by {@code reattention}, and
 * written with full attention. The document itself is filled cheaply between the depths, since what
 * is measured there depends on how much is cached, not on what; or read by {@code reattention}
 * altogether, which shows that the samples tell the truth and takes as long as it takes.
 */
final class LongDocument {
  static final String REATTENTION = "reattention";
  static final String FULL = "full";

  /**
   * How much is measured.
   *
   * @param tokens of the document
   * @param sample tokens that are read at each depth
   * @param decode tokens that are written at each depth
   * @param whole whether the document itself is read by {@code reattention}
   * @param seconds after which no more is filled: the depth that was reached is the last one
   */
  record Extent(int tokens, int sample, int decode, boolean whole, double seconds) {}

  // between the depths there is a look at the clock after so many tokens
  private static final int PART = 8 * FilledContext.CHUNK;
  // steps before those that are timed: lists of keys are made, and Java compiles
  private static final int WARM_STEPS = 4;
  // no single figure takes much longer
  private static final double MOST_SECONDS = 15;

  private final Longform longform;
  private final ModelWork work;
  private final Extent extent;
  private final OptionalLong usedBefore;
  private final Consumer<String> out;
  private final long began = System.nanoTime();

  // seconds of a token that is read, at each depth
  private final List<double[]> samples = new ArrayList<>();

  /**
   * @param usedBefore bytes in use on the card before anything was opened there
   * @param out takes lines of Markdown, each as soon as it is known
   */
  LongDocument(
      Longform longform,
      ModelWork work,
      Extent extent,
      OptionalLong usedBefore,
      Consumer<String> out) {
    this.longform = longform;
    this.work = work;
    this.extent = extent;
    this.usedBefore = usedBefore;
    this.out = out;
  }

  /** Takes the figures at all depths. */
  void measure() {
    int[] ids = longform.ids(extent.tokens() + extent.sample() + FilledContext.CHUNK);
    FilledContext context = new FilledContext();
    try (Session document = longform.session(context)) {
      // Java compiles
      at(document, context, ids, line -> {});
      samples.clear();
      out.accept(Timed.HEADER);
      double reading = 0;
      for (long depth : depths(extent.tokens())) {
        double begin = now();
        boolean reached = grow(document, context, ids, depth);
        reading += now() - begin;
        if (document.length() > 0) {
          tellReading(document, reading);
        }
        at(document, context, ids, out);
        tellMemory(document);
        if (!reached) {
          out.accept(
              "| stopped at %,d tokens: %.0f s were given | | | | |"
                  .formatted(document.length(), extent.seconds()));
          break;
        }
      }
      tellEstimate();
    }
  }

  /** Where figures are taken: at the beginning, at powers of two, and at the end. */
  static long[] depths(long tokens) {
    return LongStream.concat(
            LongStream.of(0, 8, 32, 128, 256, 512).map(k -> k << 10).filter(d -> d < tokens),
            LongStream.of(tokens))
        .toArray();
  }

  /** Answers whether there was time. */
  private boolean grow(Session document, FilledContext context, int[] ids, long depth) {
    if (extent.whole()) {
      context.then(strategy(REATTENTION));
    } else {
      context.fill();
    }
    while (document.length() < depth) {
      if (now() > extent.seconds()) {
        return false;
      }
      int at = (int) document.length();
      document.feed(ids, at, (int) Math.min(PART, depth - at));
      document.flush();
      // waits for the device
      document.logits();
    }
    return true;
  }

  private void at(Session document, FilledContext context, int[] ids, Consumer<String> to) {
    int depth = (int) document.length();
    context.then(strategy(REATTENTION));
    try (Session reading = document.fork()) {
      read(reading, ids, depth, to);
      write(reading, ids, REATTENTION, depth, to);
    }
    context.then(strategy(FULL));
    try (Session reading = document.fork()) {
      // nothing can be written behind nothing
      reading.feed(ids, depth, 1);
      reading.flush();
      write(reading, ids, FULL, depth, to);
    }
  }

  private void read(Session reading, int[] ids, int depth, Consumer<String> to) {
    // the first block makes the lists of keys
    reading.feed(ids, depth, FilledContext.CHUNK);
    reading.flush();
    reading.logits();
    SessionStats before = reading.stats();
    double begin = now();
    int tokens = 0;
    while (tokens < extent.sample() && now() - begin < MOST_SECONDS) {
      int block = Math.min(FilledContext.CHUNK, extent.sample() - tokens);
      reading.feed(ids, depth + FilledContext.CHUNK + tokens, block);
      reading.flush();
      tokens += block;
    }
    reading.logits();
    double seconds = now() - begin;
    int blocks = (tokens + FilledContext.CHUNK - 1) / FilledContext.CHUNK;
    double seen = (double) (reading.stats().attendedTokens() - before.attendedTokens()) / blocks;
    ModelWork.Block block =
        new ModelWork.Block(tokens / blocks, seen, searched(reading.length(), seen), false);
    samples.add(new double[] {depth, seconds / tokens});
    to.accept(
        new Timed(
                "prefill of %,d tokens behind %,d, %s".formatted(tokens, depth, REATTENTION),
                seconds,
                blocks * work.bytes(block),
                blocks * work.operations(block),
                tokens)
            .line());
  }

  private void write(Session writing, int[] ids, String strategy, int depth, Consumer<String> to) {
    for (int i = 0; i < WARM_STEPS; i++) {
      writing.step(ids[i]);
      writing.logits();
    }
    SessionStats before = writing.stats();
    double begin = now();
    int tokens = 0;
    while (tokens < extent.decode() && now() - begin < MOST_SECONDS) {
      writing.step(ids[tokens++]);
      writing.logits();
    }
    double seconds = now() - begin;
    double seen = (double) (writing.stats().attendedTokens() - before.attendedTokens()) / tokens;
    double searched = strategy.equals(FULL) ? 0 : searched(writing.length(), seen);
    ModelWork.Block block = new ModelWork.Block(1, seen, searched, true);
    to.accept(
        new Timed(
                "decode of %d tokens behind %,d, %s".formatted(tokens, depth, strategy),
                seconds,
                tokens * work.bytes(block),
                tokens * work.operations(block),
                tokens)
            .line());
  }

  /** Tokens whose keys are looked at: none while everything is seen anyway. */
  private static double searched(long length, double seen) {
    return seen >= length - FilledContext.CHUNK ? 0 : length - seen;
  }

  private void tellReading(Session document, double seconds) {
    out.accept(
        String.format(
            Locale.ROOT,
            extent.whole()
                ? "| prefill of the first %,d tokens, reattention | %.0f | | | %.1f |"
                : "| filling of the first %,d tokens, each block alone | %.0f | | | %.1f |",
            document.length(),
            seconds * 1e3,
            document.length() / seconds));
  }

  private void tellMemory(Session document) {
    double needed =
        (double) longform.decoder().mappedBytes() + document.length() * work.bytesPerToken();
    double counted = longform.decoder().ownedBytes() + (double) document.stats().kvBytes();
    String use = "";
    if (usedBefore.isPresent()) {
      OptionalLong now = CardUse.bytes();
      double taken = now.orElse(0) - (double) usedBefore.getAsLong();
      use =
          now.isEmpty()
              ? ""
              : String.format(
                  Locale.ROOT,
                  ", on the card %.2f GB: %+.1f%%",
                  taken / 1e9,
                  100 * (taken / needed - 1));
    }
    out.accept(
        String.format(
            Locale.ROOT,
            "| memory at %,d tokens: weights and KV need %.2f GB, counted %.2f GB for both and %.2f GB in all%s | | | | |",
            document.length(),
            needed / 1e9,
            counted / 1e9,
            Memory.allocatedBytes() / 1e9,
            use));
  }

  /** The time of a whole prefill: the area below the samples. */
  private void tellEstimate() {
    double seconds = 0;
    for (int i = 1; i < samples.size(); i++) {
      double[] from = samples.get(i - 1);
      double[] to = samples.get(i);
      seconds += (to[0] - from[0]) * (from[1] + to[1]) / 2;
    }
    double tokens = samples.get(samples.size() - 1)[0];
    if (tokens == 0) {
      return;
    }
    out.accept(
        String.format(
            Locale.ROOT,
            "| prefill of %,.0f tokens by the samples, reattention | %.0f | | | %.1f |",
            tokens,
            seconds * 1e3,
            tokens / seconds));
  }

  private ContextStrategy strategy(String name) {
    return ContextStrategies.create(name, Map.of(), longform.decoder().limits());
  }

  private double now() {
    return (System.nanoTime() - began) / 1e9;
  }
}
