package org.longform.bench.operations;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.longform.bench.models.ModelShape;
import org.longform.bench.models.RandomModels;
import org.longform.decoding.Continuations;
import org.longform.generate.Sampler;
import org.longform.generate.SamplingParameters;
import org.longform.grammar.JsonSchema;
import org.longform.grammar.TokenAutomata;
import org.longform.grammar.TokenAutomaton;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;
import org.longform.kernels.tensor.DType;
import org.longform.options.Options;
import org.longform.tokenizer.Tokenizer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to keep an answer to JSON of a schema, per token, on a random model with a random
 * vocabulary of its size: {@code ci/bench jmh FormedDecode}. Each token is read alone, so that
 * nothing is gained by those that are certain.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 4)
@Measurement(iterations = 5, time = 4)
public class FormedDecodeBenchmark {
  private static final int TOKENS = 64;
  private static final int MOST_TOKENS = 4096;
  private static final int SPECIAL = 2;

  // one long text, and many short ones between which little can follow
  private static final Map<String, String> SCHEMAS =
      Map.of(
          "text",
          "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}",
          "fields",
          "{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
              + "\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":12},\"size\":{\"type\":\"integer\"},"
              + "\"kind\":{\"enum\":[\"cohort\",\"trial\"]}}}}}}");

  @Param({"free", "text", "fields"})
  public String form;

  @Param("0.25B")
  public String model;

  private Decoder decoder;
  private Tokenizer tokenizer;
  private Session prompt;
  private TokenAutomaton automaton;
  private float[] logits;

  @Setup(Level.Trial)
  public void open() {
    Path target = Path.of(System.getProperty("longform.bench.target", "target/bench"));
    ModelShape shape = ModelShape.byName(model);
    Path file = new RandomModels(target.resolve("models")).file(shape, DType.Q8_0);
    decoder = Decoder.load(file, OpenDevice.open("auto"));
    tokenizer = Tokenizer.load(vocabulary(target.resolve("vocabulary"), shape.vocabulary()));
    prompt = decoder.open(ContextStrategies.create("full", Map.of(), decoder.limits()));
    int[] ids = new SplittableRandom(1).ints(32, SPECIAL, shape.vocabulary()).toArray();
    prompt.ask(ids);
    logits = prompt.logits().clone();
    if (SCHEMAS.containsKey(form)) {
      automaton =
          TokenAutomata.of(tokenizer).json(JsonSchema.extracted(SCHEMAS.get(form)), Set.of(0));
    }
  }

  /** A byte-level vocabulary: two special tokens, all bytes, then words of one to eight letters. */
  private static Path vocabulary(Path folder, int size) {
    Set<String> tokens = new LinkedHashSet<>();
    int others = 0;
    for (int value = 0; value < 256; value++) {
      boolean printable =
          (value > ' ' && value <= '~') || (value > 0xA0 && value != 0xAD && value <= 0xFF);
      tokens.add(String.valueOf((char) (printable ? value : 256 + others++)));
    }
    SplittableRandom random = new SplittableRandom(7);
    String letters = "etaoinshrdlucmfwypvbgkqjxz\u0120\u0120\u0120.,:\"{}0123";
    while (tokens.size() < size - SPECIAL) {
      StringBuilder word = new StringBuilder();
      for (int i = random.nextInt(8); i >= 0; i--) {
        // the first ones are frequent
        word.append(letters.charAt(Math.min(random.nextInt(42), random.nextInt(letters.length()))));
      }
      tokens.add(word.toString());
    }
    StringBuilder json =
        new StringBuilder(
            "{\"added_tokens\":[{\"id\":0,\"content\":\"<|end|>\",\"special\":true},{\"id\":1,\"content\":\"<|begin|>\",\"special\":true}],"
                + "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                + "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},"
                + "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"<|end|>\":0,\"<|begin|>\":1");
    int id = SPECIAL;
    for (String token : tokens) {
      json.append(",\"")
          .append(token.replace("\\", "\\\\").replace("\"", "\\\""))
          .append("\":")
          .append(id++);
    }
    try {
      Files.createDirectories(folder);
      Files.writeString(
          folder.resolve("tokenizer.json"), json.append("}}}"), StandardCharsets.UTF_8);
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot write a vocabulary: " + e.getMessage(), e);
    }
  }

  private Sampler sampler() {
    Continuations begin = automaton == null ? Continuations.ANY : automaton.begin(MOST_TOKENS);
    return new Sampler(SamplingParameters.of(Options.defaults()), 1, begin);
  }

  /** Choosing and reading a token. */
  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public int decode() {
    Sampler sampler = sampler();
    int sum = 0;
    try (Session session = prompt.fork()) {
      float[] scores = session.logits();
      for (int i = 0; i < TOKENS; i++) {
        if (sampler.continuations().complete()) {
          sampler = sampler();
        }
        int token = sampler.next(scores);
        sum += token;
        scores = decoder.batcher().read(session, token);
      }
    }
    return sum;
  }

  /** Choosing a token alone, always by the same scores. */
  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public int choose() {
    Sampler sampler = sampler();
    int sum = 0;
    for (int i = 0; i < TOKENS; i++) {
      if (sampler.continuations().complete()) {
        sampler = sampler();
      }
      sum += sampler.next(logits);
    }
    return sum;
  }

  @TearDown(Level.Trial)
  public void close() {
    prompt.close();
    decoder.close();
    tokenizer.close();
  }
}
