package org.longform.kernels.tensor;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;

/** A block format whose elements are a float16 scale times a whole number each, the level. */
public interface LevelBlock extends BlockFormat {
  /** Smallest level that a block holds. */
  int least();

  /** Largest level that a block holds. */
  int most();

  /**
   * Writes one block as it is given.
   *
   * @param scale as float16
   * @param levels from {@code offset} on, each from {@link #least} to {@link #most}
   */
  void pack(short scale, int[] levels, int offset, Memory target, long at);

  /**
   * Writes one block whose scale makes the element of largest magnitude the smallest level, which
   * has no counterpart among the others. A level is the nearest one, halves up.
   */
  default void encodeByExtreme(float[] source, int offset, Memory target, long at) {
    int[] levels = new int[dtype().blockElements()];
    float extreme = 0;
    for (int i = 0; i < levels.length; i++) {
      extreme = Math.abs(source[offset + i]) > Math.abs(extreme) ? source[offset + i] : extreme;
    }
    float scale = extreme / least();
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < levels.length; i++) {
      int steps = (int) (source[offset + i] * inverse + (0.5f - least()));
      levels[i] = Math.min(most() - least(), Math.max(0, steps)) + least();
    }
    pack(HalfFloats.toF16(scale), levels, 0, target, at);
  }

  /** The type of fewest bytes whose blocks hold these levels; empty if there is none. */
  static Optional<DType> narrowest(int least, int most) {
    return Arrays.stream(DType.values())
        .filter(dtype -> BlockFormat.known(dtype) && BlockFormat.of(dtype) instanceof LevelBlock)
        .filter(dtype -> of(dtype).least() <= least && of(dtype).most() >= most)
        .min(Comparator.comparingDouble(d -> (double) d.blockBytes() / d.blockElements()));
  }

  /** The format of a type that {@link #narrowest} gave. */
  static LevelBlock of(DType dtype) {
    return (LevelBlock) BlockFormat.of(dtype);
  }
}
