package org.longform.kernels.weights;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Writes a GGUF file, version 3, little-endian, as a stream: first everything about the tensors,
 * then their data in the same order.
 *
 * <pre>{@code
 * GgufMetadata metadata =
 *     new GgufMetadata().putText("general.architecture", "llama").putUint32("llama.block_count", 2);
 * List<TensorSpec> tensors =
 *     List.of(
 *         new TensorSpec("token_embd.weight", DType.Q8_0, Shape.of(32000, 2048)), // rows first
 *         new TensorSpec("output_norm.weight", DType.F32, Shape.of(2048)));
 * try (GgufWriter writer = GgufWriter.create(Path.of("model.gguf"), metadata, tensors)) {
 *   for (int row = 0; row < 32000; row++) {
 *     writer.write(new float[2048]); // rounded to Q8_0; the next blocks of the current tensor
 *   }
 *   writer.write(ByteBuffer.allocate(4 * 2048)); // or bytes as the file will have them
 *   writer.finish();
 * }
 * }</pre>
 *
 * A tensor ends when it has all its values, and the next one follows; padding is added between
 * them. The file appears, or replaces another, in {@link #finish}; closed before that, nothing is
 * left of it. Shapes are given slowest axis first, as everywhere here; the file has them the other
 * way round.
 */
public final class GgufWriter implements AutoCloseable {
  static final int MAGIC = 0x46554747; // "GGUF"
  static final int ALIGNMENT = 32;

  private static final int VERSION = 3;

  private final ReplacedFile file;
  private final TensorData data;

  private GgufWriter(ReplacedFile file, TensorData data) {
    this.file = file;
    this.data = data;
  }

  /**
   * @param metadata {@code general.alignment} is added by the writer
   * @throws LongformException INVALID_INPUT if the file cannot be written
   */
  public static GgufWriter create(Path path, GgufMetadata metadata, List<TensorSpec> tensors) {
    requireDistinct(tensors);
    ReplacedFile file = ReplacedFile.create(path);
    try {
      file.write(new Header().bytes(metadata, tensors));
      return new GgufWriter(file, new TensorData(file, tensors, ALIGNMENT));
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static void requireDistinct(List<TensorSpec> tensors) {
    Set<String> names = new HashSet<>();
    for (TensorSpec tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new LongformException(
            ErrorClass.INTERNAL, "Cannot write tensor '%s' twice.".formatted(tensor.name()));
      }
    }
  }

  /** Rounds the next values of the current tensor to its type: whole blocks, of one tensor. */
  public void write(float[] values) {
    data.write(values);
  }

  /** Takes the next bytes of the current tensor as the file will have them. */
  public void write(ByteBuffer bytes) {
    data.write(bytes);
  }

  /** Puts the file in its place. */
  public void finish() {
    data.end();
    file.finish();
  }

  @Override
  public void close() {
    data.close();
    file.close();
  }

  /** Everything before the data. */
  private static final class Header {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteBuffer number =
        ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);

    ByteBuffer bytes(GgufMetadata metadata, List<TensorSpec> tensors) {
      GgufMetadata all = new GgufMetadata();
      metadata.values().forEach((key, v) -> put(all, key, v));
      all.putUint32(GgufHeader.ALIGNMENT_KEY, ALIGNMENT);
      number(Integer.BYTES, MAGIC);
      number(Integer.BYTES, VERSION);
      number(Long.BYTES, tensors.size());
      number(Long.BYTES, all.values().size());
      all.values().forEach(this::entry);
      long offset = 0;
      for (TensorSpec tensor : tensors) {
        tensor(tensor, offset);
        offset = Math.addExact(offset, TensorData.padded(tensor.bytes(), ALIGNMENT));
      }
      while (out.size() % ALIGNMENT != 0) {
        out.write(0);
      }
      return ByteBuffer.wrap(out.toByteArray());
    }

    private static void put(GgufMetadata all, String key, GgufMetadata.Value value) {
      if (value.isArray()) {
        all.putArray(key, value.type(), value.content());
      } else {
        all.put(key, value.type(), value.content());
      }
    }

    private void entry(String key, GgufMetadata.Value value) {
      text(key);
      if (!value.isArray()) {
        number(Integer.BYTES, value.type().ordinal());
        scalar(value.type(), value.content());
        return;
      }
      number(Integer.BYTES, GgufType.ARRAY.ordinal());
      number(Integer.BYTES, value.type().ordinal());
      if (value.content() instanceof long[] items) {
        number(Long.BYTES, items.length);
        for (long item : items) {
          number(value.type().leastBytes(), item);
        }
      } else if (value.content() instanceof double[] items) {
        number(Long.BYTES, items.length);
        for (double item : items) {
          fraction(value.type(), item);
        }
      } else {
        List<?> items = (List<?>) value.content();
        number(Long.BYTES, items.size());
        items.forEach(item -> text((String) item));
      }
    }

    private void scalar(GgufType type, Object content) {
      if (content instanceof String text) {
        text(text);
      } else if (content instanceof Boolean flag) {
        number(1, flag ? 1 : 0);
      } else if (content instanceof Double fraction) {
        fraction(type, fraction);
      } else {
        number(type.leastBytes(), (Long) content);
      }
    }

    private void tensor(TensorSpec tensor, long offset) {
      text(tensor.name());
      int rank = tensor.shape().rank();
      number(Integer.BYTES, rank);
      for (int axis = rank - 1; axis >= 0; axis--) {
        number(Long.BYTES, tensor.shape().axis(axis));
      }
      number(Integer.BYTES, GgmlType.of(tensor.dtype()).number());
      number(Long.BYTES, offset);
    }

    private void text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      number(Long.BYTES, bytes.length);
      out.write(bytes, 0, bytes.length);
    }

    private void fraction(GgufType type, double value) {
      if (type == GgufType.FLOAT32) {
        number(Float.BYTES, Float.floatToRawIntBits((float) value));
      } else {
        number(Double.BYTES, Double.doubleToRawLongBits(value));
      }
    }

    private void number(int bytes, long value) {
      number.putLong(0, value);
      out.write(number.array(), 0, bytes);
    }
  }
}
