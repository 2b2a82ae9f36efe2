package org.longform.kernels.device;

import org.longform.kernels.attention.PositionEncoding;

/** Scores of listed keys by loops over floats, for devices without anything better. */
final class PlainKeyScores {
  private final KeyScoresRequest request;
  private final int headDim;
  private final int keys;
  private final int queries;
  // (N, pairs), empty if keys stay as they are
  private final float[] cosines;
  private final float[] sines;

  PlainKeyScores(KeyScoresRequest request) {
    request.validate();
    this.request = request;
    headDim = request.cache().headDim();
    keys = request.keys();
    queries = request.queriesOfHead();
    int angles = request.turnsKeys() ? keys * rope().pairs() : 0;
    cosines = new float[angles];
    sines = new float[angles];
  }

  /** (H, N) */
  float[] run() {
    if (request.turnsKeys()) {
      fillTables();
    }
    float[] best = new float[request.rows().length];
    float[] key = new float[headDim];
    int sharers = request.heads() / request.cache().kvHeads();
    for (int h = 0; h < request.heads(); h++) {
      for (int i = 0; i < keys; i++) {
        request.cache().readKey(h / sharers, request.rows()[h * keys + i], key);
        if (request.turnsKeys()) {
          turn(key, i);
        }
        best[h * keys + i] = best(key, h);
      }
    }
    return best;
  }

  private PositionEncoding.Rope rope() {
    return (PositionEncoding.Rope) request.encoding();
  }

  private void fillTables() {
    double[] frequencies = rope().inverseFrequencies();
    double factor = rope().attentionFactor();
    for (int i = 0; i < keys; i++) {
      for (int p = 0; p < frequencies.length; p++) {
        double angle = request.positions()[i] * frequencies[p];
        cosines[i * frequencies.length + p] = (float) (Math.cos(angle) * factor);
        sines[i * frequencies.length + p] = (float) (Math.sin(angle) * factor);
      }
    }
  }

  private void turn(float[] key, int index) {
    int pairs = rope().pairs();
    boolean halves = rope().layout() == PositionEncoding.Rope.Layout.HALF_SPLIT;
    for (int p = 0; p < pairs; p++) {
      int a = halves ? p : 2 * p;
      int b = halves ? p + pairs : 2 * p + 1;
      float cos = cosines[index * pairs + p];
      float sin = sines[index * pairs + p];
      float x = key[a];
      float y = key[b];
      key[a] = x * cos - y * sin;
      key[b] = y * cos + x * sin;
    }
  }

  private float best(float[] key, int head) {
    float[] all = request.queries();
    float best = Float.NEGATIVE_INFINITY;
    for (int q = 0; q < queries; q++) {
      int at = (q * request.heads() + head) * headDim;
      // several sums at once: one would wait for itself
      float a = 0;
      float b = 0;
      float c = 0;
      float d = 0;
      int i = 0;
      for (; i + 4 <= headDim; i += 4) {
        a += all[at + i] * key[i];
        b += all[at + i + 1] * key[i + 1];
        c += all[at + i + 2] * key[i + 2];
        d += all[at + i + 3] * key[i + 3];
      }
      for (; i < headDim; i++) {
        a += all[at + i] * key[i];
      }
      float sum = a + b + c + d;
      // false for what is not a number
      best = sum > best ? sum : best;
    }
    return best;
  }

  static float[] of(KeyScoresRequest request) {
    return new PlainKeyScores(request).run();
  }
}
