package org.longform.kernels.model;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.device.Activation;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.model.DecoderWeights.ExpertWeights;
import org.longform.kernels.model.DecoderWeights.FeedForwardWeights;
import org.longform.kernels.model.DecoderWeights.LayerWeights;
import org.longform.kernels.model.DecoderWeights.Projection;
import org.longform.kernels.tensor.Tensor;

/** The feed-forward half of a layer, without norms: one part for all tokens, or sparse experts. */
final class FeedForward {
  private final DecoderSpec spec;
  private final Kernels kernels;
  private final ProjectionObserver observer;

  FeedForward(DecoderSpec spec, Kernels kernels, ProjectionObserver observer) {
    this.spec = spec;
    this.kernels = kernels;
    this.observer = observer;
  }

  /**
   * Computes all rows of x.
   *
   * @param gate (T, I) room
   * @param up (T, I) room
   * @param out (T, M), may be x itself
   */
  void run(int layer, LayerWeights weights, Tensor x, Tensor gate, Tensor up, Tensor out) {
    observer.sees(layer, ProjectionInput.FEED_FORWARD, x);
    if (weights.experts() != null) {
      experts(weights.experts(), x, gate, up, out);
    } else {
      Tensor inner = inner(weights.feedForward(), x, gate, up);
      observer.sees(layer, ProjectionInput.DOWN, inner);
      project(kernels, inner, List.of(weights.feedForward().down()), List.of(out));
    }
  }

  /** What the last matrix gets. */
  private Tensor inner(FeedForwardWeights weights, Tensor x, Tensor gate, Tensor up) {
    Activation activation = spec.design().activation();
    if (weights.gate() == null) {
      project(kernels, x, List.of(weights.up()), List.of(up));
      kernels.activate(activation, up);
      return up;
    }
    project(kernels, x, List.of(weights.gate(), weights.up()), List.of(gate, up));
    if (activation == Activation.SILU) {
      kernels.swiGlu(gate, up);
    } else {
      kernels.activate(activation, gate);
      kernels.multiply(gate, up);
    }
    return gate;
  }

  /** A token that an expert gets, and the weight of what that makes of it. */
  private record Share(int row, float weight) {}

  private void experts(ExpertWeights weights, Tensor x, Tensor gate, Tensor up, Tensor out) {
    List<List<Share>> shares = shares(weights, x);
    int width = spec.hidden();
    // at once: of a device's memory each access is a copy
    float[] inputs = x.toArray();
    float[] row = new float[width];
    // experts add to it in their order: what a token gets does not depend on who else is there
    float[] sums = new float[Math.multiplyExact((int) x.rows(), width)];
    try (Tensor some = Tensor.allocate(x.rows(), width);
        Tensor answers = Tensor.allocate(x.rows(), width)) {
      for (int e = 0; e < shares.size(); e++) {
        List<Share> own = shares.get(e);
        if (own.isEmpty()) {
          continue;
        }
        int count = own.size();
        for (int i = 0; i < count; i++) {
          some.write((long) i * width, inputs, own.get(i).row() * width, width);
        }
        FeedForwardWeights expert = weights.experts().get(e);
        Tensor answer = answers.rows(0, count);
        Tensor inner = inner(expert, some.rows(0, count), gate.rows(0, count), up.rows(0, count));
        project(kernels, inner, List.of(expert.down()), List.of(answer));
        for (int i = 0; i < count; i++) {
          answer.read((long) i * width, row);
          int at = own.get(i).row() * width;
          for (int d = 0; d < width; d++) {
            sums[at + d] += own.get(i).weight() * row[d];
          }
        }
      }
    }
    out.write(0, sums);
  }

  /** For each expert the tokens that it gets. */
  private List<List<Share>> shares(ExpertWeights weights, Tensor x) {
    ExpertSpec experts = spec.design().experts().orElseThrow();
    List<List<Share>> shares = new ArrayList<>();
    for (int e = 0; e < experts.count(); e++) {
      shares.add(new ArrayList<>());
    }
    try (Tensor scores = Tensor.allocate(x.rows(), experts.count())) {
      kernels.matmul(x, weights.router(), scores);
      float[] row = new float[experts.count()];
      for (int t = 0; t < x.rows(); t++) {
        scores.read((long) t * row.length, row);
        choose(row, experts.chosen(), t, shares);
      }
    }
    return shares;
  }

  /** Those with the largest scores; among equal ones the first. */
  private static void choose(float[] scores, int count, int token, List<List<Share>> shares) {
    int[] chosen = new int[count];
    for (int i = 0; i < count; i++) {
      int best = -1;
      for (int e = 0; e < scores.length; e++) {
        boolean taken = false;
        for (int j = 0; j < i; j++) {
          taken |= chosen[j] == e;
        }
        if (!taken && (best < 0 || scores[e] > scores[best])) {
          best = e;
        }
      }
      chosen[i] = best;
    }
    double sum = 0;
    for (int e : chosen) {
      sum += Math.exp((double) scores[e] - scores[chosen[0]]);
    }
    for (int e : chosen) {
      double share = Math.exp((double) scores[e] - scores[chosen[0]]) / sum;
      shares.get(e).add(new Share(token, (float) share));
    }
  }

  /** Projections of the same x are one operation: a device may share what it makes of x. */
  static void project(Kernels kernels, Tensor x, List<Projection> projections, List<Tensor> outs) {
    kernels.matmul(x, projections.stream().map(Projection::matrix).toList(), outs);
    for (int i = 0; i < outs.size(); i++) {
      Tensor out = outs.get(i);
      projections.get(i).bias().ifPresent(bias -> kernels.addBias(out, bias));
    }
  }
}
