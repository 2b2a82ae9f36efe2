package org.longform.kernels.model;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.TensorSpec;
import org.longform.kernels.weights.TensorWriter;
import org.longform.kernels.weights.WeightSource;

/**
 * Copies the weights of a model to other names, types and order of rows, a piece of a tensor at a
 * time. Bytes stay as they are where the type does.
 */
final class WeightTransfer {
  private static final int ELEMENTS_AT_ONCE = 1 << 20;

  private final StoredModel source;
  private final WeightSource weights;
  private final DecoderSpec target;
  private final MatrixTypes types;
  // names in the source in the order of the target's
  private final List<String> sourceNames;
  private final List<TensorSpec> tensors = new ArrayList<>();
  // names in the target of tensors whose rows change places
  private final Set<String> turned = new HashSet<>();

  /**
   * @param weights what is copied: the source's own, or others by the same names
   * @param target the same model with names and layout of the format to be written
   */
  WeightTransfer(StoredModel source, WeightSource weights, DecoderSpec target, MatrixTypes types) {
    this.source = source;
    this.weights = weights;
    this.target = target;
    this.types = types;
    this.sourceNames = List.copyOf(WeightShapes.of(source.spec()).keySet());
    WeightShapes.of(target)
        .forEach(
            (name, shape) -> {
              String sourceName = sourceNames.get(tensors.size());
              DType type = types.named().get(sourceName);
              tensors.add(new TensorSpec(name, type == null ? type(name, shape) : type, shape));
            });
    findTurned();
  }

  /** The tensors in the order in which {@link #write} gives their data. */
  List<TensorSpec> tensors() {
    return tensors;
  }

  /**
   * Vectors stay F32: they are small and every value counts. The matrix that makes the logits has
   * at least 6 bits, as in llama.cpp, since its errors are not averaged by anything behind it. Rows
   * that are no whole blocks get the next wider type that fits.
   */
  private DType type(String name, Shape shape) {
    if (shape.rank() == 1) {
      return DType.F32;
    }
    String output =
        target.has(Trait.TIED_EMBEDDINGS) ? target.names().embedding() : target.names().head();
    DType wanted = types.others();
    if (name.equals(output + ".weight")
        && List.of(DType.Q4_0, DType.Q5_0, DType.Q4_K, DType.Q5_K).contains(wanted)) {
      wanted = DType.Q6_K;
    }
    while (shape.axis(1) % wanted.blockElements() != 0) {
      wanted =
          switch (wanted) {
            case Q4_K -> DType.Q5_0;
            case Q5_K, Q6_K -> DType.Q8_0;
            default -> DType.F16;
          };
    }
    return wanted;
  }

  private void findTurned() {
    RopeSpec rope = source.spec().rope();
    if (rope.layout() == target.rope().layout()) {
      return;
    }
    if (rope.rotaryDims() != source.spec().headDim()) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot convert model '%s': only %d of %d dimensions of a head are rotated, and the other format has them in another order. Use the model as it is."
              .formatted(source.config().place(), rope.rotaryDims(), source.spec().headDim()));
    }
    for (int layer = 0; layer < target.layers(); layer++) {
      for (String end : List.of(".weight", ".bias")) {
        turned.add(target.names().attention().query().formatted(layer) + end);
        turned.add(target.names().attention().key().formatted(layer) + end);
      }
    }
  }

  void write(TensorWriter writer) {
    for (int i = 0; i < tensors.size(); i++) {
      TensorSpec tensor = tensors.get(i);
      try (Tensor from = weights.tensor(sourceNames.get(i), tensor.shape())) {
        write(from, tensor, writer);
      }
    }
  }

  private void write(Tensor from, TensorSpec to, TensorWriter writer) {
    boolean turn = turned.contains(to.name());
    // a bias has a row for each element
    int width = (int) from.shape().rowElements();
    long rows = from.rows();
    int rowsAtOnce = Math.max(1, ELEMENTS_AT_ONCE / width);
    boolean same = from.dtype() == to.dtype();
    int rowBytes = same ? Math.toIntExact(from.dtype().bytes(width)) : 0;
    for (long first = 0; first < rows; first += rowsAtOnce) {
      int some = (int) Math.min(rowsAtOnce, rows - first);
      float[] values = same ? null : new float[some * width];
      byte[] bytes = same ? new byte[some * rowBytes] : null;
      int step = turn ? 1 : some;
      for (int r = 0; r < some; r += step) {
        long row = turn ? sourceRow(first + r) : first;
        if (same) {
          long at = from.byteOffset() + row * rowBytes;
          from.memory().readBytes(at, bytes, r * rowBytes, step * rowBytes);
        } else {
          from.read(row * width, values, r * width, step * width);
        }
      }
      if (same) {
        writer.write(ByteBuffer.wrap(bytes));
      } else {
        writer.write(values);
      }
    }
  }

  /** The row that pair layouts exchange: of each head, i and i + D/2 with 2i and 2i + 1. */
  private long sourceRow(long row) {
    int headDim = target.headDim();
    long head = row / headDim;
    int within = (int) (row % headDim);
    int half = headDim / 2;
    int from =
        target.rope().layout() == Rope.Layout.INTERLEAVED
            ? within % 2 * half + within / 2
            : within % half * 2 + within / half;
    return head * headDim + from;
  }
}
