package org.longform.kernels.tensor;

import java.util.EnumMap;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** How the numbers of a quantised type lie in its blocks. One file each, one line in the list. */
public interface BlockFormat {
  DType dtype();

  /** Widens one block, which begins at byte {@code at}, to {@code target[offset…]}. */
  void decode(Memory source, long at, float[] target, int offset);

  /** Rounds {@code source[offset…]} to one block at byte {@code at}. */
  void encode(float[] source, int offset, Memory target, long at);

  /** Whether a type's blocks can be read and written here. */
  static boolean known(DType dtype) {
    return BlockFormats.ALL.containsKey(dtype);
  }

  /** The format of a quantised type. */
  static BlockFormat of(DType dtype) {
    BlockFormat format = BlockFormats.ALL.get(dtype);
    if (format == null) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot read blocks of %s: it has none.".formatted(dtype));
    }
    return format;
  }

  /** Rounds whole rows to a tensor that {@code target} holds from byte {@code at} on. */
  static void encode(DType dtype, float[] source, Memory target, long at) {
    BlockFormat format = of(dtype);
    for (int i = 0; i < source.length; i += dtype.blockElements()) {
      format.encode(source, i, target, at + dtype.bytes(i));
    }
  }

  /** The list. */
  final class BlockFormats {
    private static final Map<DType, BlockFormat> ALL = new EnumMap<>(DType.class);

    static {
      for (BlockFormat format :
          new BlockFormat[] {
            new Q8Block(),
            new Q4Block(),
            new Q5Block(),
            new Q4KBlock(),
            new Q5KBlock(),
            new Q6KBlock()
          }) {
        ALL.put(format.dtype(), format);
      }
    }

    private BlockFormats() {}
  }
}
