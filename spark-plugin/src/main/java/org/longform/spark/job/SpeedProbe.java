package org.longform.spark.job;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.runtime.LongformRuntime;

/**
 * Reads and writes a few tokens on this machine, at several depths of a document, to learn how fast
 * it is. The text makes no difference to that.
 *
 * @param device its name
 * @param threads that were used
 * @param tokens that were read
 * @param reading a token of a document
 * @param writing a token of an answer
 */
record SpeedProbe(String device, int threads, long tokens, Speed reading, Speed writing) {
  private static final int PIECE = 256;
  // what a token costs more for each before it shows only behind many
  private static final int LEAST_TOKENS = 2048;
  private static final int MOST_TOKENS = 16_384;
  private static final int WRITTEN = 8;
  // a large model on a small machine: two points have to do
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final int LEAST_PIECES = 2;

  /**
   * Measures a device; its model is loaded if it is not yet.
   *
   * @param longest tokens of the longest document that is to be read: so far it reads itself,
   *     within limits of its own
   */
  static SpeedProbe of(DeviceProvider device, Options options, long longest) {
    int pieces = (int) Math.max(LEAST_TOKENS, Math.min(MOST_TOKENS, longest)) / PIECE;
    LoadedModel model =
        LongformRuntime.model(options.with(ModelOptions.DEVICE.sqlKey(), device.name()));
    Options all = model.generationConfig().defaults().and(options);
    SessionOptions sessionOptions =
        new SessionOptions(() -> false)
            .withKvDType(CacheOptions.dtypeOf(all))
            .withKvMemory(KvMemory.UNLIMITED);
    List<Speed.Point> reading = new ArrayList<>();
    List<Speed.Point> writing = new ArrayList<>();
    long started = System.nanoTime();
    try (Session session =
        model
            .decoder()
            .open(
                ContextStrategies.create(
                    all.get(ContextOptions.CONTEXT),
                    ContextOptions.parametersOf(all),
                    model.decoder().limits()),
                sessionOptions)) {
      session.expectPromptTokens((long) PIECE * pieces);
      int[] ids = new Random(1).ints(PIECE, 0, model.decoder().spec().vocabulary()).toArray();
      warmUp(session, ids);
      for (int piece = 0; piece < pieces; piece++) {
        double depth = session.length() + PIECE / 2.0;
        long before = System.nanoTime();
        session.feed(ids, 0, PIECE);
        session.flush();
        reading.add(new Speed.Point(depth, (System.nanoTime() - before) / 1e9 / PIECE));
        boolean late = System.nanoTime() - started > PATIENCE_NANOS;
        boolean last = piece + 1 == pieces || (late && piece + 1 >= LEAST_PIECES);
        if (piece == 0 || last) {
          writing.add(write(session, ids));
        }
        if (last) {
          break;
        }
      }
      return new SpeedProbe(
          device.name(),
          LongformRuntime.threads(options, device),
          session.length(),
          Speed.through(reading),
          Speed.through(writing));
    }
  }

  // the first calls of a process also compile and load
  private static void warmUp(Session session, int[] ids) {
    try (Session fork = session.fork()) {
      fork.feed(ids, 0, PIECE / 8);
      fork.flush();
      fork.step(ids[0]);
    }
  }

  private static Speed.Point write(Session session, int[] ids) {
    try (Session fork = session.fork()) {
      fork.step(ids[0]);
      double depth = fork.length();
      long before = System.nanoTime();
      for (int i = 0; i < WRITTEN; i++) {
        fork.step(ids[i]);
        fork.logits();
      }
      return new Speed.Point(depth, (System.nanoTime() - before) / 1e9 / WRITTEN);
    }
  }
}
