package org.longform.bench.models;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;

/**
 * Sizes of a Llama model, as published for Llama 3.1 and 3.2 or smaller in their manner. How fast a
 * model is read depends on these alone, not on what its weights say.
 *
 * @param name roughly how many weights it has
 * @param hidden M
 * @param heads H
 * @param kvHeads G
 * @param headDim D
 * @param intermediate I
 * @param tied whether the token embedding is the output matrix too
 * @param window tokens the file says the model was trained on, which strategies choose their
 *     defaults by
 */
public record ModelShape(
    String name,
    int layers,
    int hidden,
    int heads,
    int kvHeads,
    int headDim,
    int intermediate,
    int vocabulary,
    boolean tied,
    int window) {
  /** What LM-Infinite's models were trained on. */
  private static final int LLAMA_2_WINDOW = 4096;

  /** The list; the first is there to try a measurement with. */
  public static final List<ModelShape> ALL =
      List.of(
          new ModelShape("tiny", 2, 128, 4, 2, 32, 256, 1000, false, 8192),
          new ModelShape("0.25B", 24, 768, 12, 4, 64, 3072, 32_000, false, LLAMA_2_WINDOW),
          new ModelShape("0.5B", 24, 1024, 16, 8, 64, 4864, 32_000, false, LLAMA_2_WINDOW),
          new ModelShape("1B", 16, 2048, 32, 8, 64, 8192, 128_256, true, LLAMA_2_WINDOW),
          new ModelShape("8B", 32, 4096, 32, 8, 128, 14_336, 128_256, false, 131_072));

  /** A matrix of the model by its name in GGUF files, (outer, inner). */
  public record Matrix(String name, long outer, long inner) {}

  public static ModelShape byName(String name) {
    return ALL.stream()
        .filter(shape -> shape.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot measure a model of shape '%s': it is unknown (known: %s)."
                        .formatted(name, ALL.stream().map(ModelShape::name).toList())));
  }

  /** The matrices of one layer, in the order they are used. */
  public List<Matrix> layerMatrices(int layer) {
    String block = "blk." + layer + ".";
    long queries = (long) heads * headDim;
    long keys = (long) kvHeads * headDim;
    return List.of(
        new Matrix(block + "attn_q.weight", queries, hidden),
        new Matrix(block + "attn_k.weight", keys, hidden),
        new Matrix(block + "attn_v.weight", keys, hidden),
        new Matrix(block + "attn_output.weight", hidden, queries),
        new Matrix(block + "ffn_gate.weight", intermediate, hidden),
        new Matrix(block + "ffn_up.weight", intermediate, hidden),
        new Matrix(block + "ffn_down.weight", hidden, intermediate));
  }

  public List<Matrix> matrices() {
    List<Matrix> all = new ArrayList<>();
    all.add(new Matrix("token_embd.weight", vocabulary, hidden));
    if (!tied) {
      all.add(new Matrix("output.weight", vocabulary, hidden));
    }
    for (int layer = 0; layer < layers; layer++) {
      all.addAll(layerMatrices(layer));
    }
    return all;
  }

  /** Bytes of the weights that one decoded token reads: all of them, of the embedding one row. */
  public long decodedBytes(DType dtype) {
    long all = 0;
    for (Matrix matrix : matrices()) {
      boolean read = tied || !matrix.name().equals("token_embd.weight");
      all += read ? dtype.bytes(matrix.outer() * matrix.inner()) : 0;
    }
    return all;
  }
}
