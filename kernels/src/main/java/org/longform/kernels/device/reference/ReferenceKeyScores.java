package org.longform.kernels.device.reference;

import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.device.KeyScoresRequest;

/** Scores of listed keys, each product in float64. */
final class ReferenceKeyScores {
  private ReferenceKeyScores() {}

  static float[] find(KeyScoresRequest request) {
    request.validate();
    float[] best = new float[request.rows().length];
    for (int h = 0; h < request.heads(); h++) {
      for (int i = 0; i < request.keys(); i++) {
        best[h * request.keys() + i] = best(request, h, i);
      }
    }
    return best;
  }

  private static float best(KeyScoresRequest request, int head, int index) {
    int headDim = request.cache().headDim();
    float[] key = new float[headDim];
    int kvHead = head * request.cache().kvHeads() / request.heads();
    request.cache().readKey(kvHead, request.rows()[head * request.keys() + index], key);
    if (request.turnsKeys() && request.encoding() instanceof PositionEncoding.Rope rope) {
      rope.rotate(key, 0, request.positions()[index]);
    }
    float best = Float.NEGATIVE_INFINITY;
    for (int q = 0; q < request.queriesOfHead(); q++) {
      double dot = 0;
      for (int d = 0; d < headDim; d++) {
        dot += (double) request.queries()[(q * request.heads() + head) * headDim + d] * key[d];
      }
      best = Double.isNaN(dot) ? best : Math.max(best, (float) dot);
    }
    return best;
  }
}
