package org.longform.bench.models;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.longform.bench.models.ModelShape.Matrix;
import org.longform.kernels.tensor.DType;

/**
 * Writes a Llama model of random weights as GGUF v3 (ggml, docs/gguf.md). The blocks themselves are
 * random, nothing is rounded: a gigabyte takes a second. Its own few lines, not the product's
 * writer: a fault there would else make the file that is to show it.
 */
final class RandomGguf {
  /** Tokens the file says the model was trained on: LM-Infinite's models had so many. */
  static final int TRAINED_WINDOW = 4096;

  private static final int ALIGNMENT = 32;
  private static final int U32 = 4;
  private static final int I32 = 5;
  private static final int F32 = 6;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  // a prime number of blocks, so that rows of a matrix are not copies of each other
  private static final int POOL_BLOCKS = 40_009;
  private static final float WEIGHT = 0.03f;

  private final ModelShape shape;
  private final DType dtype;
  private final ByteArrayOutputStream header = new ByteArrayOutputStream();

  private RandomGguf(ModelShape shape, DType dtype) {
    this.shape = shape;
    this.dtype = dtype;
  }

  static void write(ModelShape shape, DType dtype, Path file) throws IOException {
    new RandomGguf(shape, dtype).write(file);
  }

  private record Stored(Matrix matrix, DType dtype) {
    long bytes() {
      return dtype.bytes(matrix.outer() * matrix.inner());
    }
  }

  private void write(Path file) throws IOException {
    List<Stored> tensors = tensors();
    ByteArrayOutputStream metadata = new ByteArrayOutputStream();
    int keys = metadata(metadata);
    header.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    u32(header, 3);
    u64(header, tensors.size());
    u64(header, keys);
    header.writeBytes(metadata.toByteArray());
    long at = 0;
    for (Stored tensor : tensors) {
      boolean vector = tensor.matrix().outer() == 1;
      text(header, tensor.matrix().name());
      u32(header, vector ? 1 : 2);
      u64(header, tensor.matrix().inner());
      if (!vector) {
        u64(header, tensor.matrix().outer());
      }
      u32(header, ggmlType(tensor.dtype()));
      u64(header, at);
      at += aligned(tensor.bytes());
    }
    byte[] pool = pool();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 20)) {
      header.writeTo(out);
      pad(out, header.size());
      for (Stored tensor : tensors) {
        if (tensor.dtype() == DType.F32) {
          ones(out, tensor.bytes());
        } else {
          repeat(out, pool, tensor.bytes());
        }
        pad(out, tensor.bytes());
      }
    }
  }

  private List<Stored> tensors() {
    List<Stored> tensors = new ArrayList<>();
    shape.matrices().forEach(matrix -> tensors.add(new Stored(matrix, dtype)));
    tensors.add(norm("output_norm.weight"));
    for (int layer = 0; layer < shape.layers(); layer++) {
      tensors.add(norm("blk." + layer + ".attn_norm.weight"));
      tensors.add(norm("blk." + layer + ".ffn_norm.weight"));
    }
    return tensors;
  }

  private Stored norm(String name) {
    return new Stored(new Matrix(name, 1, shape.hidden()), DType.F32);
  }

  /** Answers the number of keys. */
  private int metadata(ByteArrayOutputStream out) {
    text(out, "general.architecture", "llama");
    text(out, "general.name", "random " + shape.name());
    u32(out, "general.alignment", ALIGNMENT);
    u32(out, "general.file_type", fileType(dtype));
    u32(out, "llama.context_length", TRAINED_WINDOW);
    u32(out, "llama.embedding_length", shape.hidden());
    u32(out, "llama.block_count", shape.layers());
    u32(out, "llama.feed_forward_length", shape.intermediate());
    u32(out, "llama.vocab_size", shape.vocabulary());
    u32(out, "llama.attention.head_count", shape.heads());
    u32(out, "llama.attention.head_count_kv", shape.kvHeads());
    u32(out, "llama.rope.dimension_count", shape.headDim());
    f32(out, "llama.rope.freq_base", 500_000f);
    f32(out, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    u32(out, "tokenizer.ggml.bos_token_id", 1);
    u32(out, "tokenizer.ggml.eos_token_id", 2);
    u32(out, "tokenizer.ggml.unknown_token_id", 0);
    return 17 + vocabulary(out);
  }

  /** The smallest vocabulary that both sides read: bytes, and a word for every other id. */
  private int vocabulary(ByteArrayOutputStream out) {
    text(out, "tokenizer.ggml.model", "llama");
    array(out, "tokenizer.ggml.tokens", STRING);
    for (int id = 0; id < shape.vocabulary(); id++) {
      text(out, token(id));
    }
    array(out, "tokenizer.ggml.scores", F32);
    for (int id = 0; id < shape.vocabulary(); id++) {
      u32(out, Float.floatToIntBits(-id));
    }
    array(out, "tokenizer.ggml.token_type", I32);
    for (int id = 0; id < shape.vocabulary(); id++) {
      // unknown, control, byte, normal
      u32(out, id == 0 ? 2 : id < 3 ? 3 : id < 3 + 256 ? 6 : 1);
    }
    return 4;
  }

  /** The text of a token; those from 259 on are words that begin with a blank. */
  static String token(int id) {
    if (id < 3) {
      return List.of("<unk>", "<s>", "</s>").get(id);
    }
    return id < 3 + 256 ? "<0x%02X>".formatted(id - 3) : "\u2581t" + id;
  }

  private byte[] pool() {
    SplittableRandom random = new SplittableRandom(1);
    int blockBytes = dtype.blockBytes();
    ByteBuffer pool =
        ByteBuffer.allocate(POOL_BLOCKS * blockBytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int block = 0; block < POOL_BLOCKS; block++) {
      if (!dtype.isQuantised()) {
        pool.putShort(half((float) (WEIGHT * random.nextGaussian())));
        continue;
      }
      // the uniform bytes or nibbles behind the scale have this deviation
      double deviation = dtype == DType.Q8_0 ? 74 : 4.6;
      pool.putShort(half((float) (WEIGHT / deviation)));
      for (int i = Short.BYTES; i < blockBytes; i++) {
        pool.put((byte) random.nextInt());
      }
    }
    return pool.array();
  }

  /** Round toward zero: good enough for random numbers, which are normal or 0. */
  private static short half(float value) {
    int bits = Float.floatToIntBits(value);
    int exponent = (bits >>> 23 & 0xff) - 127 + 15;
    int sign = bits >>> 16 & 0x8000;
    return (short) (exponent <= 0 ? sign : sign | exponent << 10 | bits >>> 13 & 0x3ff);
  }

  private static void repeat(OutputStream out, byte[] pool, long bytes) throws IOException {
    for (long left = bytes; left > 0; left -= pool.length) {
      out.write(pool, 0, (int) Math.min(left, pool.length));
    }
  }

  private static void ones(OutputStream out, long bytes) throws IOException {
    ByteBuffer one = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    one.putFloat(0, 1f);
    repeat(out, one.array(), bytes);
  }

  private static void pad(OutputStream out, long written) throws IOException {
    out.write(new byte[(int) (aligned(written) - written)]);
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** enum ggml_type. */
  private static int ggmlType(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q8_0 -> 8;
      default -> throw new IllegalArgumentException("Cannot write " + dtype + ": it is unknown.");
    };
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

  private static void text(ByteArrayOutputStream out, String key, String value) {
    text(out, key);
    u32(out, STRING);
    text(out, value);
  }

  private static void u32(ByteArrayOutputStream out, String key, int value) {
    text(out, key);
    u32(out, U32);
    u32(out, value);
  }

  private static void f32(ByteArrayOutputStream out, String key, float value) {
    text(out, key);
    u32(out, F32);
    u32(out, Float.floatToIntBits(value));
  }

  private void array(ByteArrayOutputStream out, String key, int type) {
    text(out, key);
    u32(out, ARRAY);
    u32(out, type);
    u64(out, shape.vocabulary());
  }

  private static void text(ByteArrayOutputStream out, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    u64(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void u32(ByteArrayOutputStream out, int value) {
    for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
      out.write(value >>> shift);
    }
  }

  private static void u64(ByteArrayOutputStream out, long value) {
    u32(out, (int) value);
    u32(out, (int) (value >>> Integer.SIZE));
  }
}
