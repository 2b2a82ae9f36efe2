package org.longform.kernels.weights;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;

/**
 * Everything before the data of a GGUF file (ggml-org/ggml, docs/gguf.md), versions 2 and 3,
 * little-endian, read as a stream and checked: every tensor lies inside the file, where its
 * alignment asks for, has whole blocks, and the tensors cover the data without gap or overlap.
 */
final class GgufHeader {
  static final String ALIGNMENT_KEY = "general.alignment";

  private static final int OLDEST_VERSION = 2;
  private static final int NEWEST_VERSION = 3;
  private static final int MAX_AXES = 4;
  private static final int MAX_ALIGNMENT = 1 << 16;
  private static final int MAX_NAME_BYTES = 64;
  private static final int MAX_KEY_BYTES = 65535;
  private static final long MAX_TEXT_BYTES = 128L << 20;
  // in all lists, in words of 8 bytes: a large vocabulary and its merges take about 8 million
  private static final long MAX_WORDS = 32L << 20;
  private static final int WORDS_OF_TEXT = 8;

  private final GgufInput input;
  private final GgufMetadata metadata = new GgufMetadata();
  private final Map<String, GgufTensor> tensors = new LinkedHashMap<>();
  private long words;

  private GgufHeader(GgufInput input) {
    this.input = input;
  }

  /**
   * @throws LongformException INVALID_MODEL naming file, key or tensor, found and expected
   */
  static GgufHeader read(Path file, FileChannel channel) throws IOException {
    GgufHeader header = new GgufHeader(new GgufInput(file, channel));
    header.read();
    return header;
  }

  GgufMetadata metadata() {
    return metadata;
  }

  Map<String, GgufTensor> tensors() {
    return tensors;
  }

  private void read() {
    long magic = input.unsigned(Integer.BYTES, "its first word");
    if (magic != GgufWriter.MAGIC) {
      throw invalid(
          "it begins with 0x%08x, expected 0x%08x (GGUF)".formatted(magic, GgufWriter.MAGIC));
    }
    long version = input.unsigned(Integer.BYTES, "its version");
    if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
      boolean bigEndian = Integer.reverseBytes((int) version) <= NEWEST_VERSION && version != 0;
      throw invalid(
          "it has version %d, expected %d to %d%s"
              .formatted(
                  version,
                  OLDEST_VERSION,
                  NEWEST_VERSION,
                  bigEndian && version > NEWEST_VERSION ? " (its bytes are big-endian)" : ""));
    }
    long tensorCount = input.signed(Long.BYTES, "its number of tensors");
    long keyCount = input.signed(Long.BYTES, "its number of keys");
    // name, rank, one axis, type and offset; key, type and a value of one byte
    input.requireRoom(tensorCount, 8 + 4 + 8 + 4 + 8, "its list of tensors");
    input.requireRoom(keyCount, 8 + 4 + 1, "its metadata");
    for (long i = 0; i < keyCount; i++) {
      entry(i);
    }
    int alignment = alignment();
    List<Stored> stored = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      stored.add(tensor(i));
    }
    place(stored, alignment);
  }

  // --- metadata

  private void entry(long index) {
    String key = input.text(MAX_KEY_BYTES, "metadata key %d".formatted(index));
    String what = "metadata key '%s'".formatted(shortened(key));
    if (key.isEmpty()) {
      throw invalid("metadata key %d is empty".formatted(index));
    }
    if (metadata.has(key)) {
      throw invalid(what + " is there twice");
    }
    GgufType type = type(what);
    if (type == GgufType.ARRAY) {
      GgufType items = type(what);
      long count = input.signed(Long.BYTES, what);
      if (items == GgufType.ARRAY) {
        throw invalid(what + " is a list of lists, which GGUF readers do not accept");
      }
      input.requireRoom(count, items.leastBytes(), what);
      metadata.putArray(key, items, items(items, (int) count, what));
    } else {
      metadata.put(key, type, scalar(type, what));
    }
  }

  private GgufType type(String what) {
    long number = input.unsigned(Integer.BYTES, what);
    if (number >= GgufType.values().length) {
      throw invalid(
          "%s has a value of type %d, expected 0 to %d"
              .formatted(what, number, GgufType.values().length - 1));
    }
    return GgufType.values()[(int) number];
  }

  private Object items(GgufType type, int count, String what) {
    words += (long) count * (type == GgufType.STRING ? WORDS_OF_TEXT : 1);
    if (words > MAX_WORDS) {
      throw invalid("%s has %d entries, too many for one file".formatted(what, count));
    }
    if (type == GgufType.STRING) {
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        texts.add(input.text(MAX_TEXT_BYTES, what));
      }
      return List.copyOf(texts);
    }
    if (type == GgufType.FLOAT32 || type == GgufType.FLOAT64) {
      double[] fractions = new double[count];
      for (int i = 0; i < count; i++) {
        fractions[i] = type == GgufType.FLOAT32 ? input.float32(what) : input.float64(what);
      }
      return fractions;
    }
    long[] whole = new long[count];
    for (int i = 0; i < count; i++) {
      whole[i] = whole(type, what);
    }
    return whole;
  }

  private Object scalar(GgufType type, String what) {
    return switch (type) {
      case STRING -> input.text(MAX_TEXT_BYTES, what);
      case BOOL -> whole(type, what) != 0;
      case FLOAT32 -> (double) input.float32(what);
      case FLOAT64 -> input.float64(what);
      default -> whole(type, what);
    };
  }

  private long whole(GgufType type, String what) {
    return switch (type) {
      case INT8, INT16, INT32, INT64 -> input.signed(type.leastBytes(), what);
      case BOOL -> {
        long value = input.unsigned(1, what);
        if (value > 1) {
          throw invalid("%s has the truth value %d, expected 0 or 1".formatted(what, value));
        }
        yield value;
      }
      case UINT64 -> {
        long value = input.signed(Long.BYTES, what);
        if (value < 0) {
          throw invalid(
              "%s has the value %s, expected at most %d"
                  .formatted(what, Long.toUnsignedString(value), Long.MAX_VALUE));
        }
        yield value;
      }
      default -> input.unsigned(type.leastBytes(), what);
    };
  }

  private int alignment() {
    if (!metadata.has(ALIGNMENT_KEY)) {
      return GgufWriter.ALIGNMENT;
    }
    long alignment = metadata.integer(ALIGNMENT_KEY).orElse(0L);
    if (alignment < 1 || alignment > MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw invalid(
          "%s is %s, expected a power of two of at most %d"
              .formatted(ALIGNMENT_KEY, shortened(metadata.plain(ALIGNMENT_KEY)), MAX_ALIGNMENT));
    }
    return (int) alignment;
  }

  // --- tensors

  /** A tensor whose place, from the beginning of the data on, is not checked yet. */
  private record Stored(String name, GgmlType type, Shape shape, long offset, long bytes) {}

  private Stored tensor(long index) {
    String name = input.text(MAX_NAME_BYTES, "the name of tensor %d".formatted(index));
    String what = "tensor '%s'".formatted(name);
    long rank = input.unsigned(Integer.BYTES, what);
    if (rank < 1 || rank > MAX_AXES) {
      throw invalid("%s has %d axes, expected 1 to %d".formatted(what, rank, MAX_AXES));
    }
    long[] axes = new long[(int) rank];
    for (int axis = axes.length - 1; axis >= 0; axis--) {
      axes[axis] = input.signed(Long.BYTES, what);
      if (axes[axis] < 0) {
        throw invalid(
            "%s has an axis of %s, expected at most %d"
                .formatted(what, Long.toUnsignedString(axes[axis]), Long.MAX_VALUE));
      }
    }
    long number = input.unsigned(Integer.BYTES, what);
    GgmlType type =
        GgmlType.of(number)
            .orElseThrow(() -> invalid("%s has type %d, which is unknown".formatted(what, number)));
    long offset = input.signed(Long.BYTES, what);
    if (offset < 0) {
      throw invalid(
          "%s begins at byte %s of the data".formatted(what, Long.toUnsignedString(offset)));
    }
    if (axes[axes.length - 1] % type.blockElements() != 0) {
      throw invalid(
          "%s has rows of %d elements, expected a multiple of %d for %s"
              .formatted(what, axes[axes.length - 1], type.blockElements(), type));
    }
    try {
      Shape shape = Shape.of(axes);
      return new Stored(name, type, shape, offset, type.bytes(shape.elements()));
    } catch (ArithmeticException e) {
      throw invalid("%s has more elements than a file can hold".formatted(what));
    }
  }

  private void place(List<Stored> stored, int alignment) {
    long start = TensorData.padded(input.position(), alignment);
    stored.sort(Comparator.comparingLong(Stored::offset).thenComparingLong(Stored::bytes));
    long covered = 0;
    for (Stored tensor : stored) {
      String what = "tensor '%s'".formatted(tensor.name());
      if (tensor.offset() % alignment != 0) {
        throw invalid(
            "%s begins at byte %d of the data, expected a multiple of %d"
                .formatted(what, tensor.offset(), alignment));
      }
      long room = Math.max(0, Math.max(0, input.fileBytes() - start) - tensor.offset());
      if (tensor.bytes() > room) {
        throw invalid(
            "%s has %d bytes for %s %s, and the file has %d left for it"
                .formatted(what, tensor.bytes(), tensor.type(), tensor.shape(), room));
      }
      if (tensor.offset() != covered) {
        throw invalid(
            "%s begins at byte %d of the data, expected %d: tensors must %s"
                .formatted(
                    what,
                    tensor.offset(),
                    covered,
                    tensor.offset() < covered ? "not overlap" : "leave no gap"));
      }
      covered = TensorData.padded(tensor.offset() + tensor.bytes(), alignment);
      GgufTensor placed =
          new GgufTensor(
              tensor.name(),
              tensor.type(),
              tensor.shape(),
              start + tensor.offset(),
              tensor.bytes());
      if (tensors.put(tensor.name(), placed) != null) {
        throw invalid(what + " is there twice");
      }
    }
    if (input.fileBytes() > start + covered) {
      throw invalid(
          "it has %d bytes, its tensors end after %d"
              .formatted(input.fileBytes(), start + covered));
    }
  }

  private static String shortened(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 120 ? text : text.substring(0, 120) + "…";
  }

  private LongformException invalid(String why) {
    return input.invalid(why);
  }
}
