package org.longform.bench.figures;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.longform.bench.Settings;
import org.longform.bench.engines.Longform;
import org.longform.bench.models.ModelShape;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecodeBatcher;
import org.longform.kernels.model.Session;
import org.longform.kernels.tensor.DType;

/** Short answers that several tasks write at once, against the same ones one after the other. */
final class TogetherFigures implements Measurement {
  private static final int ANSWERS = 8;
  private static final int PROMPT = 32;
  private static final int WRITTEN = 48;
  private static final Target Q8_TARGET = Target.ratio(2, 3);

  @Override
  public String name() {
    return "together";
  }

  @Override
  public String description() {
    return "8 short answers written at once by 8 threads and one after the other, each shape and type";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    for (ModelShape shape : settings.shapes()) {
      for (DType type : settings.types()) {
        String model = shape.name() + " " + type;
        try (Longform longform =
            Longform.open(
                settings.models().file(shape, type), settings.device(), settings.threads())) {
          measure(run, report, longform, model, type);
        }
      }
    }
  }

  private static void measure(Run run, Report report, Longform longform, String model, DType type) {
    int turns = run.settings().repetitions();
    double[] apart = new double[turns];
    double[] together = new double[turns];
    double rows = 0;
    List<Session> prompts = prompts(longform);
    ExecutorService threads = Executors.newFixedThreadPool(ANSWERS);
    try {
      oneAfterTheOther(longform, prompts);
      allAtOnce(longform, prompts, threads);
      for (int turn = 0; turn < turns; turn++) {
        run.progress("together %s, turn %d".formatted(model, turn + 1));
        Written alone = oneAfterTheOther(longform, prompts);
        DecodeBatcher batcher = longform.decoder().batcher();
        long passes = batcher.passes();
        long tokens = batcher.tokens();
        Written beside = allAtOnce(longform, prompts, threads);
        rows += (double) (batcher.tokens() - tokens) / (batcher.passes() - passes) / turns;
        requireSame(alone, beside);
        apart[turn] = alone.rate();
        together[turn] = beside.rate();
      }
    } finally {
      threads.shutdownNow();
      prompts.forEach(Session::close);
    }
    report.add(
        Figure.valued(
            "%d answers of %d tokens at once, %s; one after the other %.1f tokens/s"
                .formatted(ANSWERS, WRITTEN, model, Samples.median(apart)),
            "tokens/s",
            Samples.median(together),
            Samples.median(together) / Samples.median(apart),
            type == DType.Q8_0 ? Q8_TARGET : Target.ratio(Double.NaN, 2),
            "%.1f rows a pass, the same tokens; medians, in turns".formatted(rows)));
  }

  /** The most probable tokens behind each prompt, and how fast they came. */
  private record Written(int[][] tokens, double rate) {
    static Written of(List<int[]> tokens, long beganNanos) {
      double seconds = (System.nanoTime() - beganNanos) / 1e9;
      return new Written(tokens.toArray(int[][]::new), ANSWERS * WRITTEN / seconds);
    }
  }

  private static List<Session> prompts(Longform longform) {
    List<Session> prompts = new ArrayList<>();
    int[] ids = longform.ids(ANSWERS * PROMPT);
    for (int i = 0; i < ANSWERS; i++) {
      Session session =
          longform.session(ContextStrategies.create("full", Map.of(), longform.decoder().limits()));
      prompts.add(session);
      session.feed(ids, i * PROMPT, PROMPT);
      session.flush();
    }
    return prompts;
  }

  private static Written oneAfterTheOther(Longform longform, List<Session> prompts) {
    long began = System.nanoTime();
    List<int[]> tokens = new ArrayList<>();
    for (Session prompt : prompts) {
      tokens.add(write(longform, prompt));
    }
    return Written.of(tokens, began);
  }

  private static Written allAtOnce(
      Longform longform, List<Session> prompts, ExecutorService threads) {
    List<Callable<int[]>> answers = new ArrayList<>();
    for (Session prompt : prompts) {
      answers.add(() -> write(longform, prompt));
    }
    long began = System.nanoTime();
    try {
      List<int[]> tokens = new ArrayList<>();
      for (Future<int[]> answer : threads.invokeAll(answers)) {
        tokens.add(answer.get());
      }
      return Written.of(tokens, began);
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException("an answer was not written", e);
    }
  }

  private static int[] write(Longform longform, Session prompt) {
    DecodeBatcher batcher = longform.decoder().batcher();
    int[] tokens = new int[WRITTEN];
    try (Session session = prompt.fork()) {
      float[] logits = session.logits();
      for (int i = 0; i < WRITTEN; i++) {
        tokens[i] = best(logits);
        logits = batcher.read(session, tokens[i]);
      }
      batcher.leave(session);
    }
    return tokens;
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      best = logits[id] > logits[best] ? id : best;
    }
    return best;
  }

  private static void requireSame(Written alone, Written beside) {
    if (!Arrays.deepEquals(alone.tokens(), beside.tokens())) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot compare: answers written at once are not those written one after the other.");
    }
  }
}
