package org.longform.kernels.weights.checkpoint;

import org.longform.kernels.weights.StoredBytes;

/**
 * Levels of some bits each that are packed into int32, the first of a row in the lowest bits, and
 * stored with 2^(bits-1) added.
 *
 * @param columns of the matrix; the last word of a row may have bits to spare
 */
record PackedCodes(StoredBytes words, int bits, int columns) implements GridMatrix.RowCodes {
  /** Words that a row of so many levels takes. */
  static int wordsOf(int columns, int bits) {
    int inWord = Integer.SIZE / bits;
    return (columns + inWord - 1) / inWord;
  }

  /** The level at a place in a word. */
  static int level(int word, int place, int bits) {
    return ((word >>> (bits * place)) & ((1 << bits) - 1)) - (1 << (bits - 1));
  }

  @Override
  public void read(long row, float[] target, int at) {
    int inWord = Integer.SIZE / bits;
    int[] some = new int[wordsOf(columns, bits)];
    words.read(row * some.length, some, some.length);
    for (int i = 0; i < columns; i++) {
      target[at + i] = level(some[i / inWord], i % inWord, bits);
    }
  }

  @Override
  public void close() {
    words.close();
  }
}
