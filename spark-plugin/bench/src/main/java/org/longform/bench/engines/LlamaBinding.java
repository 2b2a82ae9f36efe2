package org.longform.bench.engines;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * llama.cpp inside this process, through its JVM binding. It takes texts only and tells no times,
 * so a text of as many tokens is given and the time until each token came is taken here; of a
 * prefill the time of one decoded token is in it (below 2% at 512 tokens).
 */
public final class LlamaBinding implements Engine {
  // as its library says when it loads a model; without AVX-512 and VNNI on every processor
  private static final String BUILD =
      "de.kherud:llama 4.2.0 (llama.cpp build 4916, AVX2, FMA, F16C)";
  // the depth has to be read by full attention each time
  private static final int DEEPEST = 8192;
  // the token that begins every text, and the three bytes of the blank that begins every word
  private static final int BEFORE_LETTERS = 4;

  private final LlamaModel model;
  private final int threads;

  private record Times(long first, long last) {}

  private LlamaBinding(LlamaModel model, int threads) {
    this.model = model;
    this.threads = threads;
  }

  public static Opener opener() {
    return new Opener() {
      @Override
      public String name() {
        return "llama binding";
      }

      @Override
      public boolean reachesDepths() {
        return false;
      }

      @Override
      public Engine open(Path model, int threads) {
        ModelParameters parameters =
            new ModelParameters()
                .setModel(model.toString())
                .setThreads(threads)
                .setThreadsBatch(threads)
                .setCtxSize(DEEPEST + 1024)
                .disableLog();
        return new LlamaBinding(new LlamaModel(parameters), threads);
      }
    };
  }

  @Override
  public String name() {
    return "llama binding";
  }

  @Override
  public String detail() {
    return "%s, %d threads".formatted(BUILD, threads);
  }

  @Override
  public boolean can(Work work) {
    return work.depth() + work.tokens() <= DEEPEST + 1024 && (work.writes() || work.depth() == 0);
  }

  @Override
  public double[] tokensPerSecond(Work work, int repetitions) {
    double[] rates = new double[repetitions];
    for (int r = 0; r < repetitions; r++) {
      rates[r] = work.writes() ? write(work) : read(work);
    }
    return rates;
  }

  private double read(Work work) {
    String prompt = prompt(work.tokens());
    long begin = System.nanoTime();
    return work.tokens() * 1e9 / (generate(prompt, 1).first() - begin);
  }

  private double write(Work work) {
    // a prompt is never empty, and the first token comes with it
    Times times = generate(prompt(Math.max(BEFORE_LETTERS + 1, work.depth())), work.tokens() + 1);
    return work.tokens() * 1e9 / (times.last() - times.first());
  }

  /**
   * When the first and the last of the tokens came. Tokens that are parts of a letter come with the
   * ones behind them, so those between are not counted.
   */
  private Times generate(String prompt, int tokens) {
    InferenceParameters parameters =
        new InferenceParameters(prompt)
            .setNPredict(tokens)
            .setTemperature(0)
            .setIgnoreEos(true)
            .setCachePrompt(false);
    long first = 0;
    for (LlamaOutput output : model.generate(parameters)) {
      if (first == 0 && output != null) {
        first = System.nanoTime();
      }
    }
    return new Times(first, System.nanoTime());
  }

  /** A text of {@code tokens} tokens: the random models have no words, so each letter is one. */
  private String prompt(int tokens) {
    SplittableRandom random = new SplittableRandom(tokens);
    StringBuilder letters = new StringBuilder();
    for (int i = 0; i < tokens - BEFORE_LETTERS; i++) {
      letters.append((char) ('a' + random.nextInt(26)));
    }
    int found = model.encode(letters.toString()).length + 1;
    if (found != Math.max(BEFORE_LETTERS, tokens)) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot measure the binding: a text for %d tokens has %d. Measure with a random-weight model."
              .formatted(tokens, found));
    }
    return letters.toString();
  }

  @Override
  public void close() {
    model.close();
  }
}
