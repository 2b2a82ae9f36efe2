package org.longform.kernels.model;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.tensor.Shape;

/** The projections of a layer, in the order in which a token meets them. */
public enum LayerMatrix {
  QUERY(ProjectionInput.ATTENTION, Trait.QKV_BIAS, names -> names.attention().query()),
  KEY(ProjectionInput.ATTENTION, Trait.QKV_BIAS, names -> names.attention().key()),
  VALUE(ProjectionInput.ATTENTION, Trait.QKV_BIAS, names -> names.attention().value()),
  OUTPUT(ProjectionInput.OUTPUT, Trait.OUTPUT_BIAS, names -> names.attention().output()),
  GATE(ProjectionInput.FEED_FORWARD, Trait.FFN_BIAS, names -> names.feedForward().gate()),
  UP(ProjectionInput.FEED_FORWARD, Trait.FFN_BIAS, names -> names.feedForward().up()),
  DOWN(ProjectionInput.DOWN, Trait.FFN_BIAS, names -> names.feedForward().down());

  private final ProjectionInput input;
  private final Trait biased;
  private final Function<WeightNames, String> pattern;

  LayerMatrix(ProjectionInput input, Trait biased, Function<WeightNames, String> pattern) {
    this.input = input;
    this.biased = biased;
    this.pattern = pattern;
  }

  /** Those that are applied to this. */
  public static List<LayerMatrix> of(ProjectionInput input) {
    return Arrays.stream(values()).filter(matrix -> matrix.input == input).toList();
  }

  public ProjectionInput input() {
    return input;
  }

  public boolean hasBias(DecoderSpec spec) {
    return spec.has(biased);
  }

  public String weightName(DecoderSpec spec, int layer) {
    return pattern.apply(spec.names()).formatted(layer) + ".weight";
  }

  public String biasName(DecoderSpec spec, int layer) {
    return pattern.apply(spec.names()).formatted(layer) + ".bias";
  }

  /** (out, in) in a layer. */
  public Shape shape(DecoderSpec spec, int layer) {
    int hidden = spec.hidden();
    return switch (this) {
      case QUERY -> Shape.of(spec.queryWidth(layer), hidden);
      case KEY, VALUE -> Shape.of(spec.kvWidth(layer), hidden);
      case OUTPUT -> Shape.of(hidden, spec.queryWidth(layer));
      case GATE, UP -> Shape.of(spec.intermediate(layer), hidden);
      case DOWN -> Shape.of(hidden, spec.intermediate(layer));
    };
  }
}
