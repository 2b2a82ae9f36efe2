package org.longform.kernels.quantise;

import java.util.List;
import java.util.stream.LongStream;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Tensor;

/** The 4-bit NormalFloat of QLoRA. */
final class Nf4 implements QuantisationMethod {
  private static final String BLOCK = "block";
  private static final String DOUBLE_QUANT = "double-quant";
  private static final String SCALE_BLOCK = "scale-block";
  // encoded at once: blocks of a matrix of a few million elements
  private static final int BLOCKS_AT_ONCE = 256;

  @Override
  public String name() {
    return "nf4";
  }

  @Override
  public String description() {
    return "Each block of 64 weights is scaled to lie between -1 and 1 and rounded to 16 "
        + "quantiles of the normal distribution. The scales of the blocks are themselves "
        + "rounded to 8 bits. No text is read.";
  }

  @Override
  public String whenToUse() {
    return "For models whose adapters were trained on such weights (QLoRA), to read with the "
        + "weights that the adapters know; else the evenly spaced levels of the other methods "
        + "are smaller in memory.";
  }

  @Override
  public String cost() {
    return "One pass over the weights. The levels are not evenly spaced, so that no stored type "
        + "of this product holds them: the matrices are written as F16, and take its memory.";
  }

  @Override
  public String source() {
    return "Dettmers et al. 2023, QLoRA (arXiv 2305.14314);"
        + " github.com/bitsandbytes-foundation/bitsandbytes";
  }

  @Override
  public String notCopied() {
    return "The adapters and their training are left out. Values are rounded to float16 in the "
        + "written file.";
  }

  @Override
  public List<String> guarantees() {
    return List.of(
        "Without double-quant the largest weight of each block is exact, but for float16.");
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        GroupedGrid.bits("4", "4"),
        Parameter.integer(BLOCK, "Neighbours that share a scale.", "64", limits -> 64L, 2),
        Parameter.choice(
            DOUBLE_QUANT, "Whether the scales are rounded to 8 bits.", "true", "true", "false"),
        Parameter.integer(
            SCALE_BLOCK, "Scales that share a scale of their own.", "256", limits -> 256L, 1));
  }

  @Override
  public LayerQuantiser quantiser(ParameterValues values) {
    return new Quantiser(
        Math.toIntExact(values.integer(BLOCK)),
        values.choice(DOUBLE_QUANT).equals("true")
            ? Math.toIntExact(values.integer(SCALE_BLOCK))
            : 0);
  }

  private record Quantiser(int block, int scaleBlock) implements LayerQuantiser {
    @Override
    public Storage storage(int width) {
      return Storage.plain("no type of blocks holds the levels of NF4");
    }

    @Override
    public void quantise(LayerEdit layer) {
      for (LayerMatrix matrix : LayerMatrix.values()) {
        layer.replace(matrix, round(layer.matrix(matrix)));
      }
    }

    private StoredMatrix round(Tensor matrix) {
      StoredMatrix stored = new StoredMatrix(matrix.shape(), DType.F16);
      try {
        float[] scales = new float[Math.toIntExact((matrix.elements() + block - 1) / block)];
        forBlocks(matrix, (index, weights) -> scales[index] = magnitude(weights));
        float[] rounded = scaleBlock == 0 ? scales : doubleQuantised(scales, scaleBlock);
        forBlocks(
            matrix,
            (index, weights) -> {
              Nf4.round(weights, scales[index], rounded[index]);
              stored.put((long) index * block, weights, weights.length);
            });
        return stored;
      } catch (Throwable e) {
        stored.close();
        throw e;
      }
    }

    /** Blocks run over the rows' borders, as in bitsandbytes. */
    private void forBlocks(Tensor matrix, BlockChange change) {
      long blocks = (matrix.elements() + block - 1) / block;
      LongStream.range(0, (blocks + BLOCKS_AT_ONCE - 1) / BLOCKS_AT_ONCE)
          .parallel()
          .forEach(
              piece -> {
                long end = Math.min(blocks, (piece + 1) * BLOCKS_AT_ONCE);
                for (long b = piece * BLOCKS_AT_ONCE; b < end; b++) {
                  float[] weights = new float[(int) Math.min(block, matrix.elements() - b * block)];
                  matrix.read(b * block, weights);
                  change.change((int) b, weights);
                }
              });
    }
  }

  private interface BlockChange {
    void change(int index, float[] weights);
  }

  private static float magnitude(float[] weights) {
    float largest = 0;
    for (float weight : weights) {
      largest = Math.max(largest, Math.abs(weight));
    }
    if (!Float.isFinite(largest)) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot quantise the weights: one of them is %s. Check the model.".formatted(largest));
    }
    return largest;
  }

  /**
   * Rounds a block.
   *
   * @param scale its largest magnitude, by which it is chosen which level is nearest
   * @param stored what the scale is when the block is read
   */
  static void round(float[] weights, float scale, float stored) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = NormalFloat.level(NormalFloat.code(weights[i] * inverse)) * stored;
    }
  }

  /**
   * Scales as they come back from 8 bits: their mean is taken away, and the rest of each {@code
   * block} of them stored in the dynamic code, with its largest magnitude.
   */
  static float[] doubleQuantised(float[] scales, int block) {
    double sum = 0;
    for (float scale : scales) {
      sum += scale;
    }
    float mean = (float) (sum / scales.length);
    float[] rounded = new float[scales.length];
    for (int from = 0; from < scales.length; from += block) {
      int to = Math.min(scales.length, from + block);
      float largest = 0;
      for (int i = from; i < to; i++) {
        largest = Math.max(largest, Math.abs(scales[i] - mean));
      }
      float inverse = largest == 0 ? 0 : 1 / largest;
      for (int i = from; i < to; i++) {
        rounded[i] = NormalFloat.dynamic((scales[i] - mean) * inverse) * largest + mean;
      }
    }
    return rounded;
  }
}
