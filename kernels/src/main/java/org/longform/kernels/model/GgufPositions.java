package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.WeightSource;

/**
 * How the heads of a GGUF file are rotated, turned from llama.cpp's words and tensors into those of
 * {@code config.json}.
 */
final class GgufPositions {
  static final String SECTION = "rope_scaling";

  private static final String PART = "partial_rotary_factor";
  private static final String TYPE = "rope_type";
  private static final String FACTOR = "factor";
  private static final String ATTENTION = "attention_factor";
  private static final String ORIGINAL_WINDOW = "original_max_position_embeddings";
  private static final String NONE = "none";
  private static final String LINEAR = "linear";
  private static final String YARN = "yarn";
  private static final String LONG_ROPE = "longrope";
  // all that llama.cpp knows
  private static final String[] TYPES = {NONE, LINEAR, YARN, LONG_ROPE};

  private final WeightSource weights;
  private final Map<String, Object> values;
  private final Map<String, Object> scaling;
  private final ModelConfig config;
  private final ModelConfig section;

  /**
   * @param weights where lists of divisors may lie
   * @param values of the config, with {@code scaling} as its {@link #SECTION}; both are changed
   * @param config a view of the values
   */
  GgufPositions(
      WeightSource weights,
      Map<String, Object> values,
      Map<String, Object> scaling,
      ModelConfig config) {
    this.weights = weights;
    this.values = values;
    this.scaling = scaling;
    this.config = config;
    this.section = config.section(SECTION).orElseThrow();
  }

  /**
   * Completes the config; answers a scaling that config.json has no word for.
   *
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming key or tensor
   */
  Optional<RopeScaling> read(int headDim) {
    int pairs = rotatedDims(headDim) / 2;
    String type = type();
    if (weights.contains(RopeDivisors.NEAR) || weights.contains(RopeDivisors.FAR)) {
      longRope(type, pairs);
      return Optional.empty();
    }
    if (type.equals(LONG_ROPE)) {
      throw section.failed(
          ErrorClass.INVALID_MODEL,
          "tells a scaling of type '%s' and goes without tensors '%s' and '%s'"
              .formatted(LONG_ROPE, RopeDivisors.NEAR, RopeDivisors.FAR));
    }
    if (type.equals(YARN)) {
      if (section.has(ATTENTION)) {
        // config.json has the whole factor, GGUF what it differs by
        double usual = RopeScaling.Yarn.magnitude(section.number(FACTOR), 1);
        scaling.put(ATTENTION, section.number(ATTENTION) * usual);
      }
    } else {
      requireOne(scaling.remove(ATTENTION));
    }
    if (type.equals(NONE)) {
      scaling.clear();
    } else {
      scaling.put(TYPE, type);
    }
    if (!weights.contains(RopeDivisors.TENSOR)) {
      return Optional.empty();
    }
    requireNone(type, RopeDivisors.TENSOR);
    return divided(pairs);
  }

  /** In config.json a part of the head, in GGUF a number of dimensions. */
  private int rotatedDims(int headDim) {
    if (!config.has(PART)) {
      return headDim;
    }
    int dims = config.count(PART);
    if (dims > headDim || dims % 2 != 0) {
      throw config.invalid(PART, "an even number of at most %d".formatted(headDim));
    }
    values.remove(PART);
    if (dims < headDim) {
      double part = (double) dims / headDim;
      // what is multiplied with it again is rounded down
      values.put(PART, (int) (headDim * part) < dims ? Math.nextUp(part) : part);
    }
    return dims;
  }

  private String type() {
    // what llama.cpp takes a factor without a word for
    String type = section.text(TYPE).orElse(section.has(FACTOR) ? LINEAR : NONE);
    if (!List.of(TYPES).contains(type)) {
      throw section.unsupported(TYPE, type, TYPES);
    }
    return type;
  }

  /** What one of two ways tells, the other may not tell, too. */
  private void requireNone(String type, String tensor) {
    if (!type.equals(NONE)) {
      throw config.failed(
          ErrorClass.UNSUPPORTED_MODEL,
          "has a scaling of type '%s' beside tensor '%s', expected one of them"
              .formatted(type, tensor));
    }
  }

  private void requireOne(Object attentionFactor) {
    if (attentionFactor != null && !attentionFactor.equals(1.0)) {
      throw config.failed(
          ErrorClass.UNSUPPORTED_MODEL,
          "has a factor of %s on the attention without yarn scaling"
              .formatted(ModelConfig.shortened(attentionFactor)));
    }
  }

  /** A scaling by two lists of divisors. */
  private void longRope(String type, int pairs) {
    if (!type.equals(LONG_ROPE)) {
      requireNone(type, RopeDivisors.FAR);
    }
    boolean near = weights.contains(RopeDivisors.NEAR);
    if (near != weights.contains(RopeDivisors.FAR)) {
      throw config.failed(
          ErrorClass.INVALID_MODEL,
          "goes with tensor '%s' and without '%s', expected both"
              .formatted(
                  near ? RopeDivisors.NEAR : RopeDivisors.FAR,
                  near ? RopeDivisors.FAR : RopeDivisors.NEAR));
    }
    if (weights.contains(RopeDivisors.TENSOR)) {
      throw config.failed(
          ErrorClass.UNSUPPORTED_MODEL,
          "goes with tensors '%s' and '%s', expected one of them"
              .formatted(RopeDivisors.TENSOR, RopeDivisors.FAR));
    }
    Map<String, Object> words = new LinkedHashMap<>();
    words.put(TYPE, LONG_ROPE);
    words.put("short_factor", listed(divisors(RopeDivisors.NEAR, pairs)));
    words.put("long_factor", listed(divisors(RopeDivisors.FAR, pairs)));
    words.put(ATTENTION, section.numberOr(ATTENTION, 1));
    if (section.has(ORIGINAL_WINDOW)) {
      words.put(ORIGINAL_WINDOW, section.tokens(ORIGINAL_WINDOW));
    }
    scaling.clear();
    scaling.putAll(words);
  }

  private static List<Double> listed(float[] values) {
    List<Double> list = new ArrayList<>();
    for (float value : values) {
      list.add((double) value);
    }
    return list;
  }

  private float[] divisors(String tensor, int pairs) {
    float[] stored = weights.tensor(tensor, Shape.of(pairs)).toArray();
    for (float divisor : stored) {
      if (!(divisor > 0) || Float.isInfinite(divisor)) {
        throw config.failed(
            ErrorClass.INVALID_MODEL,
            "goes with tensor '%s' that holds %s, expected finite numbers above 0"
                .formatted(tensor, divisor));
      }
    }
    return stored;
  }

  private Optional<RopeScaling> divided(int pairs) {
    float[] stored = divisors(RopeDivisors.TENSOR, pairs);
    Optional<RopeScaling.Llama3> llama3 = RopeDivisors.llama3(stored, config.number("rope_theta"));
    if (llama3.isEmpty()) {
      return Optional.of(RopeDivisors.scaling(stored));
    }
    scaling.put(TYPE, "llama3");
    scaling.put(FACTOR, llama3.get().factor());
    scaling.put("low_freq_factor", llama3.get().lowFrequency());
    scaling.put("high_freq_factor", llama3.get().highFrequency());
    scaling.put(ORIGINAL_WINDOW, llama3.get().window());
    return Optional.empty();
  }
}
