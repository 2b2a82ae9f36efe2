package org.longform.bench.models;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.HalfFloats;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.GgufMetadata;
import org.longform.kernels.weights.GgufWriter;
import org.longform.kernels.weights.TensorSpec;

/**
 * Writes a Llama model of random weights as GGUF. The blocks themselves are random, nothing is
 * rounded: a gigabyte takes a second.
 */
final class RandomGguf {
  // a prime number of blocks, so that rows of a matrix are not copies of each other
  private static final int POOL_BLOCKS = 40_009;
  // deviation of a weight
  private static final double WEIGHT = 0.03;
  // the tokens before the bytes: unknown, begin, end
  private static final int SPECIAL = 3;
  private static final int BYTES = 256;

  private RandomGguf() {}

  static void write(ModelShape shape, DType dtype, Path file) {
    List<TensorSpec> tensors = tensors(shape, dtype);
    ByteBuffer pool = pool(dtype);
    try (GgufWriter writer = GgufWriter.create(file, metadata(shape, dtype), tensors)) {
      for (TensorSpec tensor : tensors) {
        if (tensor.dtype() == DType.F32) {
          writer.write(ones(shape.hidden()));
          continue;
        }
        long left = tensor.dtype().bytes(tensor.shape().elements());
        while (left > 0) {
          int some = (int) Math.min(left, pool.capacity());
          writer.write(pool.duplicate().position(0).limit(some));
          left -= some;
        }
      }
      writer.finish();
    }
  }

  private static List<TensorSpec> tensors(ModelShape shape, DType dtype) {
    List<TensorSpec> tensors = new ArrayList<>();
    for (ModelShape.Matrix matrix : shape.matrices()) {
      tensors.add(new TensorSpec(matrix.name(), dtype, Shape.of(matrix.outer(), matrix.inner())));
    }
    Shape norm = Shape.of(shape.hidden());
    tensors.add(new TensorSpec("output_norm.weight", DType.F32, norm));
    for (int layer = 0; layer < shape.layers(); layer++) {
      tensors.add(new TensorSpec("blk." + layer + ".attn_norm.weight", DType.F32, norm));
      tensors.add(new TensorSpec("blk." + layer + ".ffn_norm.weight", DType.F32, norm));
    }
    return tensors;
  }

  private static GgufMetadata metadata(ModelShape shape, DType dtype) {
    int vocabulary = shape.vocabulary();
    return new GgufMetadata()
        .putText("general.architecture", "llama")
        .putText("general.name", "random " + shape.name())
        .putUint32("general.file_type", fileType(dtype))
        .putUint32("llama.context_length", shape.window())
        .putUint32("llama.embedding_length", shape.hidden())
        .putUint32("llama.block_count", shape.layers())
        .putUint32("llama.feed_forward_length", shape.intermediate())
        .putUint32("llama.vocab_size", vocabulary)
        .putUint32("llama.attention.head_count", shape.heads())
        .putUint32("llama.attention.head_count_kv", shape.kvHeads())
        .putUint32("llama.rope.dimension_count", shape.headDim())
        .putFloat32("llama.rope.freq_base", 500_000)
        .putFloat32("llama.attention.layer_norm_rms_epsilon", 1e-5)
        // the smallest vocabulary that both sides read: bytes, and a word for every other id
        .putText("tokenizer.ggml.model", "llama")
        .putTexts(
            "tokenizer.ggml.tokens",
            IntStream.range(0, vocabulary).mapToObj(RandomGguf::token).toList())
        .putFloat32s(
            "tokenizer.ggml.scores",
            IntStream.range(0, vocabulary).mapToDouble(id -> -id).toArray())
        .putInt32s(
            "tokenizer.ggml.token_type",
            IntStream.range(0, vocabulary).mapToLong(RandomGguf::tokenType).toArray())
        .putUint32("tokenizer.ggml.bos_token_id", 1)
        .putUint32("tokenizer.ggml.eos_token_id", 2)
        .putUint32("tokenizer.ggml.unknown_token_id", 0);
  }

  private static String token(int id) {
    if (id < SPECIAL) {
      return List.of("<unk>", "<s>", "</s>").get(id);
    }
    return id < SPECIAL + BYTES ? "<0x%02X>".formatted(id - SPECIAL) : "\u2581t" + id;
  }

  /** llama_token_type: 1 normal, 2 unknown, 3 control, 6 byte. */
  private static long tokenType(int id) {
    if (id < SPECIAL) {
      return id == 0 ? 2 : 3;
    }
    return id < SPECIAL + BYTES ? 6 : 1;
  }

  /** Random blocks of a type. */
  static ByteBuffer pool(DType dtype) {
    SplittableRandom random = new SplittableRandom(1);
    ByteBuffer pool =
        ByteBuffer.allocate(POOL_BLOCKS * dtype.blockBytes()).order(ByteOrder.LITTLE_ENDIAN);
    // deviation of the uniform bytes or nibbles behind a scale
    double uniform = (dtype == DType.Q8_0 ? 256 : 16) / Math.sqrt(12);
    while (pool.hasRemaining()) {
      if (dtype == DType.F32) {
        pool.putFloat((float) (WEIGHT * random.nextGaussian()));
        continue;
      }
      if (dtype == DType.F16) {
        pool.putShort(HalfFloats.toF16((float) (WEIGHT * random.nextGaussian())));
        continue;
      }
      pool.putShort(HalfFloats.toF16((float) (WEIGHT / uniform)));
      for (int i = Short.BYTES; i < dtype.blockBytes(); i++) {
        pool.put((byte) random.nextInt());
      }
    }
    return pool;
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  /** enum llama_ftype. */
  private static int fileType(DType dtype) {
    return switch (dtype) {
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q8_0 -> 7;
      default -> throw new IllegalArgumentException("Cannot write " + dtype + ": it is unknown.");
    };
  }
}
