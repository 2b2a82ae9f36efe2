package org.longform.bench.engines;

import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;

/** This project, with full attention. */
public final class Longform implements Engine {
  public static final String NAME = "longform";

  private final DeviceProvider device;
  private final int threads;
  private final Decoder decoder;

  private Longform(DeviceProvider device, int threads, Decoder decoder) {
    this.device = device;
    this.threads = threads;
    this.decoder = decoder;
  }

  /** Opens a model on a device. */
  public static Longform open(Path model, DeviceProvider device, int threads) {
    return open(model, device, threads, kernels -> kernels);
  }

  /**
   * As {@link #open(Path, DeviceProvider, int)}.
   *
   * @param wrapped puts something around the device, a profile for example
   */
  public static Longform open(
      Path model, DeviceProvider device, int threads, UnaryOperator<Kernels> wrapped) {
    return new Longform(device, threads, Decoder.load(model, wrapped.apply(device.open(threads))));
  }

  public static Opener opener(DeviceProvider device) {
    return new Opener() {
      @Override
      public String name() {
        return NAME;
      }

      @Override
      public Engine open(Path model, int threads) {
        return Longform.open(model, device, threads);
      }
    };
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String detail() {
    return "device %s, %d threads%s"
        .formatted(device.name(), threads, device.detail().map(text -> ", " + text).orElse(""));
  }

  public Decoder decoder() {
    return decoder;
  }

  /** A session with keys and values as users get them by default, and as the peers keep them. */
  public Session session(ContextStrategy strategy) {
    return session(decoder, strategy);
  }

  /** As {@link #session(ContextStrategy)}, of any model. */
  public static Session session(Decoder decoder, ContextStrategy strategy) {
    return decoder.open(strategy, SessionOptions.DEFAULT.withKvDType(KvDType.F16));
  }

  @Override
  public double[] tokensPerSecond(Work work, int repetitions) {
    return tokensPerSecond(work, repetitions, () -> {});
  }

  /**
   * As {@link #tokensPerSecond(Work, int)}.
   *
   * @param prepared called before each repetition is timed
   */
  public double[] tokensPerSecond(Work work, int repetitions, Runnable prepared) {
    double[] rates = new double[repetitions];
    FilledContext context = new FilledContext();
    int[] ids = ids(work.depth() + work.tokens());
    try (Session filled = session(context)) {
      if (work.depth() > 0) {
        filled.feed(ids, 0, work.depth());
        filled.flush();
      }
      context.then(everything());
      for (int r = 0; r < repetitions; r++) {
        try (Session session = filled.fork()) {
          prepared.run();
          rates[r] = work.writes() ? write(session, work, ids) : read(session, work, ids);
        }
      }
    }
    return rates;
  }

  /** Bytes of the cache for each token, as a session of many pages takes them. */
  public double cachedBytesPerToken() {
    int tokens = 1024;
    try (Session session = session(new FilledContext())) {
      session.feed(ids(tokens), 0, tokens);
      session.flush();
      return (double) session.stats().kvBytes() / tokens;
    }
  }

  /** Full attention, in blocks as those that fill a cache. */
  private ContextStrategy everything() {
    return ContextStrategies.create(
        "full", Map.of("chunk-size", Integer.toString(FilledContext.CHUNK)), decoder.limits());
  }

  private static double read(Session session, Work work, int[] ids) {
    long begin = System.nanoTime();
    session.feed(ids, work.depth(), work.tokens());
    session.flush();
    session.logits();
    return rate(work, begin);
  }

  private static double write(Session session, Work work, int[] ids) {
    // the first step copies the page that it shares with the session it was forked from
    session.step(ids[0]);
    long begin = System.nanoTime();
    for (int i = 0; i < work.tokens(); i++) {
      session.step(ids[work.depth() + i]);
      session.logits();
    }
    return rate(work, begin);
  }

  private static double rate(Work work, long begin) {
    return work.tokens() * 1e9 / (System.nanoTime() - begin);
  }

  /** Random tokens, the same in each run; the first few ids have meanings and are left out. */
  public int[] ids(int count) {
    return new SplittableRandom(count).ints(count, 3, decoder.spec().vocabulary()).toArray();
  }

  @Override
  public void close() {
    decoder.close();
  }
}
