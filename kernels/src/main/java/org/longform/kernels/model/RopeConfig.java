package org.longform.kernels.model;

import java.util.Optional;
import org.longform.kernels.attention.FrequencyFlow;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.error.ErrorClass;

/**
 * Reads how a model's positions are rotated, in the three ways in which it has been written: {@code
 * rope_scaling} with {@code type}, with {@code rope_type}, and {@code rope_parameters}, which holds
 * {@code rope_theta} too.
 */
public final class RopeConfig {
  private static final String[] KNOWN = {
    "default", "linear", "dynamic", "llama3", "yarn", "longrope", "clex"
  };
  private static final int CLEX_MOST_FACTOR = 64;
  private static final int CLEX_MOST_WIDTH = 4;
  private static final double CLEX_LEAST_STEP = 0.005;
  private static final String ORIGINAL_WINDOW = "original_max_position_embeddings";
  private static final String WINDOW = "max_position_embeddings";

  private final ModelConfig config;
  private final Optional<ModelConfig> section;
  private final int headDim;
  private final String type;

  /**
   * @param headDim dimensions of a head, already checked
   */
  public RopeConfig(ModelConfig config, int headDim) {
    this(
        config,
        headDim,
        config.section("rope_parameters").or(() -> config.section("rope_scaling")));
  }

  /**
   * @param section what holds the scaling, if anything does
   */
  public RopeConfig(ModelConfig config, int headDim, Optional<ModelConfig> section) {
    this.config = config;
    this.headDim = headDim;
    this.section = section;
    Optional<String> named = section.flatMap(s -> s.text("rope_type").or(() -> s.text("type")));
    if (named.isEmpty() && section.filter(s -> s.has("factor")).isPresent()) {
      // a factor that nobody applies would be a silent change of the model
      throw section.orElse(config).invalid("rope_type", "a kind of scaling to go with factor");
    }
    this.type = named.map(this::newName).orElse("default");
  }

  // Phi-3's first files call it otherwise
  private String newName(String name) {
    boolean lists = section.filter(each -> each.has("long_factor")).isPresent();
    return lists && (name.equals("su") || name.equals("yarn")) ? "longrope" : name;
  }

  /** With 10000 where the file does not tell the base. */
  public RopeSpec spec() {
    return spec(10000);
  }

  /**
   * @param otherwise the base of the frequencies where the file does not tell it
   */
  public RopeSpec spec(double otherwise) {
    double theta =
        section.filter(s -> s.has("rope_theta")).orElse(config).numberOr("rope_theta", otherwise);
    return new RopeSpec(theta, rotaryDims(), scaling(theta), Rope.Layout.HALF_SPLIT);
  }

  /** Tokens the model was trained on before any scaling. */
  public long trainedWindow() {
    return window(type.equals("default") ? Optional.empty() : section);
  }

  private int rotaryDims() {
    ModelConfig owner = section.filter(s -> s.has("partial_rotary_factor")).orElse(config);
    double part = owner.numberOr("partial_rotary_factor", 1);
    int dims = (int) (headDim * part);
    if (dims < 2 || dims > headDim || dims % 2 != 0) {
      throw owner.invalid(
          "partial_rotary_factor",
          "a number that leaves an even number of the %d dimensions of a head".formatted(headDim));
    }
    return dims;
  }

  private RopeScaling scaling(double theta) {
    switch (type) {
      case "default":
        return new RopeScaling.None();
      case "linear":
        return new RopeScaling.Linear(factor());
      case "dynamic":
        if (rotaryDims() < 4) {
          throw config.invalid("head_dim", "at least 4 rotated dimensions for dynamic scaling");
        }
        return new RopeScaling.Dynamic(factor(), trainedWindow());
      case "llama3":
        return llama3();
      case "yarn":
        return yarn(theta);
      case "longrope":
        return longRope();
      case "clex":
        return new RopeScaling.Clex(clex(), Optional.empty());
      default:
        throw section
            .orElse(config)
            .unsupported(
                section.filter(s -> s.has("rope_type")).isPresent() ? "rope_type" : "type",
                type,
                KNOWN);
    }
  }

  private RopeScaling llama3() {
    ModelConfig values = section.orElse(config);
    double low = values.number("low_freq_factor");
    double high = values.number("high_freq_factor");
    if (high <= low) {
      throw values.invalid("high_freq_factor", "more than low_freq_factor = " + low);
    }
    return new RopeScaling.Llama3(factor(), low, high, values.tokens(ORIGINAL_WINDOW));
  }

  private RopeScaling longRope() {
    ModelConfig values = section.orElse(config);
    int pairs = rotaryDims() / 2;
    long window = trainedWindow();
    if (window < 2) {
      throw config.failed(
          ErrorClass.INVALID_MODEL,
          "has a scaling of type longrope for a window of %d tokens, expected at least 2"
              .formatted(window));
    }
    double factor =
        hasOriginalWindow() || !values.has("factor")
            ? (double) config.tokens(WINDOW) / window
            : factor();
    return new RopeScaling.LongRope(
        values.numbers("short_factor", pairs),
        values.numbers("long_factor", pairs),
        window,
        values.has("attention_factor")
            ? values.number("attention_factor")
            : RopeScaling.LongRope.magnitude(factor, window));
  }

  private boolean hasOriginalWindow() {
    return config.has(ORIGINAL_WINDOW)
        || section.filter(each -> each.has(ORIGINAL_WINDOW)).isPresent();
  }

  private RopeScaling.Clex.Equation clex() {
    ModelConfig values = section.orElse(config);
    if (rotaryDims() < 4) {
      throw config.invalid("head_dim", "at least 4 rotated dimensions for clex scaling");
    }
    int most = values.count("max_factor");
    int widthFactor = values.countOr("param_factor", 1);
    double step = values.numberOr("time_dt", 0.01);
    // what is solved when the model is opened must not take minutes
    if (most > CLEX_MOST_FACTOR) {
      throw values.invalid("max_factor", "a whole number up to " + CLEX_MOST_FACTOR);
    }
    if (widthFactor > CLEX_MOST_WIDTH) {
      throw values.invalid("param_factor", "a whole number up to " + CLEX_MOST_WIDTH);
    }
    if (step < CLEX_LEAST_STEP || step > 1) {
      throw values.invalid("time_dt", "a number from %s to 1".formatted(CLEX_LEAST_STEP));
    }
    String word = values.text("act").orElse("silu");
    FrequencyFlow.Activation activation =
        switch (word) {
          case "tanh" -> FrequencyFlow.Activation.TANH;
          case "silu" -> FrequencyFlow.Activation.SILU;
          default -> throw values.unsupported("act", word, "tanh", "silu");
        };
    return new RopeScaling.Clex.Equation(most, widthFactor, activation, (int) Math.round(1 / step));
  }

  private RopeScaling yarn(double theta) {
    if (theta <= 1) {
      throw config.invalid("rope_theta", "a number above 1 for yarn scaling");
    }
    ModelConfig values = section.orElse(config);
    double factor =
        values.has("factor") || !values.has(ORIGINAL_WINDOW)
            ? factor()
            : (double) config.tokens(WINDOW) / values.tokens(ORIGINAL_WINDOW);
    RopeScaling.Yarn.Ramp ramp =
        new RopeScaling.Yarn.Ramp(
            values.numberOr("beta_fast", 32),
            values.numberOr("beta_slow", 1),
            trainedWindow(),
            values.flagUnlessOff("truncate")
                ? RopeScaling.Yarn.Borders.WHOLE
                : RopeScaling.Yarn.Borders.EXACT);
    return new RopeScaling.Yarn(factor, yarnAttention(values, factor), ramp);
  }

  private static double yarnAttention(ModelConfig values, double factor) {
    if (values.has("attention_factor")) {
      return values.number("attention_factor");
    }
    // zero counts as absent, as in the original
    double mscale = values.zeroOrMore("mscale");
    double allDims = values.zeroOrMore("mscale_all_dim");
    return mscale != 0 && allDims != 0
        ? RopeScaling.Yarn.magnitude(factor, mscale) / RopeScaling.Yarn.magnitude(factor, allDims)
        : RopeScaling.Yarn.magnitude(factor, 1);
  }

  /** At least 1, as in the original, which only warns. */
  private double factor() {
    ModelConfig values = section.orElse(config);
    double factor = values.number("factor");
    if (factor < 1) {
      throw values.invalid("factor", "a number of at least 1");
    }
    return factor;
  }

  private long window(Optional<ModelConfig> scaled) {
    return scaled
        .map(s -> s.has(ORIGINAL_WINDOW) ? s : config)
        .filter(s -> s.has(ORIGINAL_WINDOW))
        .map(s -> s.tokens(ORIGINAL_WINDOW))
        .orElseGet(() -> config.tokens(WINDOW));
  }
}
