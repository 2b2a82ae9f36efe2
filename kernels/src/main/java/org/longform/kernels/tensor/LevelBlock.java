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
