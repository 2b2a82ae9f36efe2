package org.longform.kernels.device.nd4j;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongConsumer;
import org.longform.kernels.attention.PositionEncoding.Rope;

/**
 * Cosines and sines of one rotary encoding. Whole positions are looked up in blocks of {@link
 * #BLOCK}, which are made from the block's first angle and the offsets inside a block by the
 * addition theorem in float64: exact to about 1e-15, and 20 times cheaper than a cosine for each,
 * so that nothing has to be kept for all 2·10^8 positions of a long document.
 */
final class RotaryTable {
  static final int BLOCK = 256;
  // beyond it doubles have no fractions, and a block index would not be exact
  private static final double LARGEST = 0x1p52;

  private final double[] frequencies;
  private final double factor;
  private final Rope.Layout layout;
  private final int pairs;
  private final double[] offsetCos;
  private final double[] offsetSin;
  private final Map<Long, float[]> blocks = new ConcurrentHashMap<>();
  private final LongConsumer spend;

  /**
   * @param spend told the bytes of every block that is made
   */
  RotaryTable(Rope rope, double positionScale, LongConsumer spend) {
    this.spend = spend;
    this.factor = rope.attentionFactor();
    this.layout = rope.layout();
    this.pairs = rope.pairs();
    this.frequencies = rope.inverseFrequencies().clone();
    for (int i = 0; i < pairs; i++) {
      frequencies[i] *= positionScale;
    }
    this.offsetCos = new double[BLOCK * pairs];
    this.offsetSin = new double[BLOCK * pairs];
    for (int p = 0; p < BLOCK; p++) {
      for (int i = 0; i < pairs; i++) {
        offsetCos[p * pairs + i] = Math.cos(p * frequencies[i]);
        offsetSin[p * pairs + i] = Math.sin(p * frequencies[i]);
      }
    }
  }

  /** Rotates {@code rows} heads of {@code headDim} floats, each at its own position. */
  void rotate(float[] heads, int rows, int headDim, double[] positions) {
    float[] table = null;
    long tableBlock = 0;
    float[] own = null;
    for (int row = 0; row < rows; row++) {
      double position = positions[row];
      if (position != Math.rint(position) || Math.abs(position) > LARGEST) {
        own = own == null ? new float[2 * pairs] : own;
        angles(position, own);
        turn(heads, row * headDim, own, 0);
        continue;
      }
      long at = (long) position;
      long block = Math.floorDiv(at, (long) BLOCK);
      if (table == null || block != tableBlock) {
        table = block(block);
        tableBlock = block;
      }
      turn(heads, row * headDim, table, (int) (at - block * BLOCK) * 2 * pairs);
    }
  }

  private void turn(float[] heads, int offset, float[] table, int at) {
    if (layout == Rope.Layout.HALF_SPLIT) {
      for (int i = 0; i < pairs; i++) {
        turnPair(heads, offset + i, offset + pairs + i, table[at + i], table[at + pairs + i]);
      }
    } else {
      for (int i = 0; i < pairs; i++) {
        turnPair(heads, offset + 2 * i, offset + 2 * i + 1, table[at + i], table[at + pairs + i]);
      }
    }
  }

  private static void turnPair(float[] heads, int a, int b, float cos, float sin) {
    float x = heads[a];
    float y = heads[b];
    heads[a] = x * cos - y * sin;
    heads[b] = y * cos + x * sin;
  }

  private void angles(double position, float[] target) {
    for (int i = 0; i < pairs; i++) {
      target[i] = (float) (Math.cos(position * frequencies[i]) * factor);
      target[pairs + i] = (float) (Math.sin(position * frequencies[i]) * factor);
    }
  }

  private float[] block(long index) {
    float[] present = blocks.get(index);
    if (present != null) {
      return present;
    }
    float[] made = new float[BLOCK * 2 * pairs];
    double first = (double) index * BLOCK;
    for (int i = 0; i < pairs; i++) {
      double cos = Math.cos(first * frequencies[i]) * factor;
      double sin = Math.sin(first * frequencies[i]) * factor;
      for (int p = 0; p < BLOCK; p++) {
        double c = offsetCos[p * pairs + i];
        double s = offsetSin[p * pairs + i];
        made[p * 2 * pairs + i] = (float) (cos * c - sin * s);
        made[p * 2 * pairs + pairs + i] = (float) (sin * c + cos * s);
      }
    }
    if (blocks.putIfAbsent(index, made) == null) {
      spend.accept((long) made.length * Float.BYTES);
    }
    return made;
  }

  /** Drops the blocks; they are made again when needed. */
  void forget() {
    blocks.clear();
  }
}
