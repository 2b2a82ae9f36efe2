package org.longform.kernels.model;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
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
 * time. Bytes stay as they are where the type does. What the target has in one tensor is written
 * behind each other.
 */
final class WeightTransfer {
  private static final int ELEMENTS_AT_ONCE = 1 << 20;

  private final StoredModel source;
  private final WeightSource weights;
  private final DecoderSpec target;
  private final MatrixTypes types;
  private final List<Item> items = new ArrayList<>();
  // names in the target of tensors whose rows change places
  private final Set<String> turned = new HashSet<>();

  /**
   * A tensor of the target.
   *
   * @param parts the weights in it
   * @param times how often their rows alternate
   */
  private record Item(TensorSpec tensor, List<Part> parts, int times) {}

  /**
   * A weight.
   *
   * @param source its name in the source
   * @param target the name that it would have alone in the target
   */
  private record Part(String source, String target, Shape shape) {}

  /**
   * @param weights what is copied: the source's own, or others by the same names
   * @param target the same model with names and layout of the format to be written
   */
  WeightTransfer(StoredModel source, WeightSource weights, DecoderSpec target, MatrixTypes types) {
    this.source = source;
    this.weights = weights;
    this.target = target;
    this.types = types;
    List<String> sourceNames = List.copyOf(WeightShapes.of(source.spec()).keySet());
    List<Part> parts = new ArrayList<>();
    WeightShapes.of(target)
        .forEach((name, shape) -> parts.add(new Part(sourceNames.get(parts.size()), name, shape)));
    collect(parts);
    findTurned();
  }

  /** The tensors in the order in which {@link #write} gives their data. */
  List<TensorSpec> tensors() {
    return items.stream().map(Item::tensor).toList();
  }

  private void collect(List<Part> parts) {
    Map<String, Part> byName = new HashMap<>();
    parts.forEach(part -> byName.put(part.target, part));
    Map<String, Item> together = together(byName);
    Set<TensorSpec> written = new HashSet<>();
    for (Part part : parts) {
      Item item = together.get(part.target);
      if (item == null) {
        items.add(new Item(new TensorSpec(part.target, type(part), part.shape), List.of(part), 1));
      } else if (written.add(item.tensor)) {
        items.add(item);
      }
    }
  }

  /** For each weight that lies in one tensor with others that tensor. */
  private Map<String, Item> together(Map<String, Part> byName) {
    Map<String, Item> together = new HashMap<>();
    for (int layer = 0; layer < target.layers(); layer++) {
      for (WeightNames.Fused fused : target.names().fused()) {
        for (String end : List.of(".weight", ".bias")) {
          List<Part> parts = new ArrayList<>();
          for (String name : fused.parts()) {
            Part part = byName.get(WeightNames.ofLayer(name, layer) + end);
            if (part != null) {
              parts.add(part);
            }
          }
          if (!parts.isEmpty()) {
            String name = WeightNames.ofLayer(fused.stored(), layer) + end;
            put(together, name, parts, FusedWeights.times(target, layer, fused.order()), false);
          }
        }
      }
      stacks(layer, byName, together);
    }
    return together;
  }

  private void stacks(int layer, Map<String, Part> byName, Map<String, Item> together) {
    WeightNames.Experts experts = target.names().experts().orElse(null);
    for (int m = 0; experts != null && m < experts.stacks().size(); m++) {
      List<Part> parts = new ArrayList<>();
      for (int e = 0; e < target.design().experts().orElseThrow().count(); e++) {
        String name = WeightNames.ofExpert(experts.matrices().get(m), layer, e);
        parts.add(byName.get(name + ".weight"));
      }
      String name = WeightNames.ofLayer(experts.stacks().get(m), layer) + ".weight";
      put(together, name, parts, 1, true);
    }
  }

  private void put(
      Map<String, Item> together, String name, List<Part> parts, int times, boolean stacked) {
    Shape first = parts.get(0).shape;
    long rows = parts.stream().mapToLong(part -> part.shape.axis(0)).sum();
    Shape shape =
        first.rank() == 1
            ? Shape.of(rows)
            : stacked
                ? Shape.of(parts.size(), first.axis(0), first.axis(1))
                : Shape.of(rows, first.axis(1));
    DType type = type(parts.get(0));
    if (parts.stream().anyMatch(part -> type(part) != type)) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot write tensor '%s': its parts are of different types. Choose one type for all of them."
              .formatted(name));
    }
    Item item = new Item(new TensorSpec(name, type, shape), parts, times);
    parts.forEach(part -> together.put(part.target, item));
  }

  /**
   * Vectors stay F32: they are small and every value counts. The matrix that makes the logits has
   * at least 6 bits, as in llama.cpp, since its errors are not averaged by anything behind it. Rows
   * that are no whole blocks get the next wider type that fits.
   */
  private DType type(Part part) {
    DType named = types.named().get(part.source);
    if (named != null) {
      return named;
    }
    if (part.shape.rank() == 1) {
      return DType.F32;
    }
    String output =
        target.has(Trait.TIED_EMBEDDINGS) ? target.names().embedding() : target.names().head();
    DType wanted = types.others();
    if (part.target.equals(output + ".weight")
        && List.of(DType.Q4_0, DType.Q5_0, DType.Q4_K, DType.Q5_K).contains(wanted)) {
      wanted = DType.Q6_K;
    }
    while (part.shape.axis(1) % wanted.blockElements() != 0) {
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
    if (rope.layout() == target.rope().layout() || rope.rotaryDims() == 0) {
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
        turned.add(WeightNames.ofLayer(target.names().attention().query(), layer) + end);
        turned.add(WeightNames.ofLayer(target.names().attention().key(), layer) + end);
      }
    }
  }

  void write(TensorWriter writer) {
    for (Item item : items) {
      if (item.times > 1) {
        alternate(item, writer);
        continue;
      }
      for (Part part : item.parts) {
        try (Tensor from = weights.tensor(part.source, part.shape)) {
          write(from, part, 0, from.rows(), item.tensor.dtype(), writer);
        }
      }
    }
  }

  /** Writes some rows of each part, then the next ones: all parts are there at once. */
  private void alternate(Item item, TensorWriter writer) {
    List<Tensor> parts = new ArrayList<>();
    try {
      item.parts.forEach(part -> parts.add(weights.tensor(part.source, part.shape)));
      for (int i = 0; i < item.times; i++) {
        for (int p = 0; p < parts.size(); p++) {
          long rows = parts.get(p).rows() / item.times;
          write(parts.get(p), item.parts.get(p), i * rows, rows, item.tensor.dtype(), writer);
        }
      }
    } finally {
      parts.forEach(Tensor::close);
    }
  }

  private void write(
      Tensor from, Part part, long begin, long rows, DType type, TensorWriter writer) {
    boolean turn = turned.contains(part.target);
    float more = shift(part);
    // a bias has a row for each element
    int width = (int) from.shape().rowElements();
    int rowsAtOnce = Math.max(1, ELEMENTS_AT_ONCE / width);
    boolean same = from.dtype() == type && more == 0;
    int rowBytes = same ? Math.toIntExact(from.dtype().bytes(width)) : 0;
    for (long first = begin; first < begin + rows; first += rowsAtOnce) {
      int some = (int) Math.min(rowsAtOnce, begin + rows - first);
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
        for (int i = 0; more != 0 && i < values.length; i++) {
          values[i] += more;
        }
        writer.write(values);
      }
    }
  }

  /** What factors of norms differ by in the target. */
  private float shift(Part part) {
    boolean from = source.spec().has(Trait.NORMS_AROUND_ONE);
    boolean to = target.has(Trait.NORMS_AROUND_ONE);
    if (from == to || part.shape.rank() > 1 || part.target.endsWith(".bias")) {
      return 0;
    }
    return from ? 1 : -1;
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
