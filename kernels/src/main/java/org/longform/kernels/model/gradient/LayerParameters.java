package org.longform.kernels.model.gradient;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.WeightNames;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The weights of one layer with their derivatives.
 *
 * @param attentionNorm (M)
 * @param query (H*D, M)
 * @param key (G*D, M)
 * @param value (G*D, M)
 * @param output (M, H*D)
 * @param ffnNorm (M)
 * @param gate (I, M)
 * @param up (I, M)
 * @param down (M, I)
 */
public record LayerParameters(
    Parameter attentionNorm,
    Linear query,
    Linear key,
    Linear value,
    Linear output,
    Parameter ffnNorm,
    Linear gate,
    Linear up,
    Linear down) {

  /**
   * A matrix and its bias.
   *
   * @param bias null if it has none
   */
  public record Linear(Parameter matrix, Parameter bias) {
    double[] forward(double[] x, int tokens) {
      return Products.forward(x, tokens, matrix, bias);
    }

    void backward(double[] dy, double[] x, double[] dx) {
      Products.backward(dy, x, matrix, bias, dx);
    }
  }

  /** Reads the layer's weights; derivatives are zero. */
  public static LayerParameters read(StoredModel model, int layer) {
    DecoderSpec spec = model.spec();
    WeightNames.Attention attention = spec.names().attention();
    WeightNames.FeedForward ffn = spec.names().feedForward();
    Reader reader = new Reader(model, layer);
    int hidden = spec.hidden();
    int queries = spec.queryWidth(layer);
    int keys = spec.kvWidth(layer);
    int inner = spec.intermediate(layer);
    return new LayerParameters(
        reader.vector(attention.norm(), ".weight", hidden),
        reader.linear(attention.query(), Trait.QKV_BIAS, queries, hidden),
        reader.linear(attention.key(), Trait.QKV_BIAS, keys, hidden),
        reader.linear(attention.value(), Trait.QKV_BIAS, keys, hidden),
        reader.linear(attention.output(), Trait.OUTPUT_BIAS, hidden, queries),
        reader.vector(ffn.norm(), ".weight", hidden),
        reader.linear(ffn.gate(), Trait.FFN_BIAS, inner, hidden),
        reader.linear(ffn.up(), Trait.FFN_BIAS, inner, hidden),
        reader.linear(ffn.down(), Trait.FFN_BIAS, hidden, inner));
  }

  /** All of them. */
  public List<Parameter> all() {
    List<Parameter> all = new ArrayList<>(List.of(attentionNorm, ffnNorm));
    for (Linear linear : List.of(query, key, value, output, gate, up, down)) {
      all.add(linear.matrix());
      if (linear.bias() != null) {
        all.add(linear.bias());
      }
    }
    return all;
  }

  private record Reader(StoredModel model, int layer) {
    Linear linear(String pattern, Trait biased, int rows, int columns) {
      return new Linear(
          read(pattern.formatted(layer) + ".weight", Shape.of(rows, columns)),
          model.spec().has(biased) ? vector(pattern, ".bias", rows) : null);
    }

    Parameter vector(String pattern, String end, int size) {
      return read(pattern.formatted(layer) + end, Shape.of(size));
    }

    Parameter read(String name, Shape shape) {
      try (Tensor tensor = model.weights().tensor(name, shape)) {
        return Parameter.variable(name, tensor);
      }
    }
  }
}
