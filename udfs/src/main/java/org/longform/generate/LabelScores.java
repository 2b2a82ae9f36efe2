package org.longform.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.longform.kernels.model.DecodeBatcher;
import org.longform.kernels.model.DecodeStep;
import org.longform.kernels.model.Session;

/**
 * How probable a model finds each of some labels as its answer. The probability of a label is the
 * product of those of its tokens, summed over the ways to write it; for one that others begin with
 * also that the model does not go on as they do. So no label is preferred for being short but for
 * what the model thinks of it, and none is cut off after its first token as in greedy decoding.
 *
 * <p>A label takes a row for each token but its last, shared where labels begin alike.
 */
public final class LabelScores {
  // further apart a score does not count: e^-60 is nothing to a double beside 1
  private static final double NEGLIGIBLE = 60;

  private final DecodeBatcher batcher;
  private final double[] logarithms;
  private final LabelTree.Node[] bestWay;
  private final double[] bestOfWay;

  private LabelScores(LabelTree tree, DecodeBatcher batcher) {
    this.batcher = batcher;
    this.logarithms = new double[tree.labels()];
    this.bestWay = new LabelTree.Node[tree.labels()];
    this.bestOfWay = new double[tree.labels()];
    Arrays.fill(logarithms, Double.NEGATIVE_INFINITY);
    Arrays.fill(bestOfWay, Double.NEGATIVE_INFINITY);
  }

  /**
   * Reads the labels behind what a session has read; the session itself stays as it is.
   *
   * @param batcher of the session's model
   */
  public static LabelScores of(Session session, LabelTree tree, DecodeBatcher batcher) {
    LabelScores scores = new LabelScores(tree, batcher);
    scores.visit(session, session.logits(), tree.root(), 0);
    if (scores.logarithms[scores.best()] == Double.NEGATIVE_INFINITY) {
      throw Sampler.noneFinite(tree.labels());
    }
    return scores;
  }

  /** The most probable label; of equal ones the first. */
  public int best() {
    int best = 0;
    for (int label = 1; label < logarithms.length; label++) {
      best = logarithms[label] > logarithms[best] ? label : best;
    }
    return best;
  }

  /** The probability of each label, if the answer is one of them. */
  public double[] probabilities() {
    double highest = logarithms[best()];
    double[] probabilities = new double[logarithms.length];
    double sum = 0;
    for (int i = 0; i < probabilities.length; i++) {
      probabilities[i] = StrictMath.exp(logarithms[i] - highest);
      sum += probabilities[i];
    }
    for (int i = 0; i < probabilities.length; i++) {
      probabilities[i] /= sum;
    }
    return probabilities;
  }

  /** The tokens of the best label, in the most probable way to write it. */
  public int[] bestTokens() {
    return bestWay[best()].path();
  }

  /**
   * Scores what lies below a node.
   *
   * @param logits behind the node's token
   * @param logarithm of the probability of the tokens that lead to it
   */
  private void visit(Session read, float[] logits, LabelTree.Node node, double logarithm) {
    double normaliser = logSumExp(logits);
    double goesOn = 0;
    List<LabelTree.Node> inner = new ArrayList<>();
    for (LabelTree.Node child : node.children()) {
      double next = logits[child.token()] - normaliser;
      goesOn += StrictMath.exp(next);
      if (child.children().isEmpty()) {
        found(child, logarithm + next);
      } else {
        inner.add(child);
      }
    }
    if (node.label() != LabelTree.NONE) {
      found(node, logarithm + StrictMath.log(Math.max(0, 1 - goesOn)));
    }
    for (int from = 0; from < inner.size(); from += batcher.limit()) {
      int to = Math.min(inner.size(), from + batcher.limit());
      visitTogether(read, logits, normaliser, inner.subList(from, to), logarithm);
    }
  }

  private void visitTogether(
      Session read,
      float[] logits,
      double normaliser,
      List<LabelTree.Node> nodes,
      double logarithm) {
    List<DecodeStep> steps = new ArrayList<>();
    try {
      for (LabelTree.Node node : nodes) {
        steps.add(new DecodeStep(read.fork(), node.token()));
      }
      batcher.read(steps);
      for (int i = 0; i < nodes.size(); i++) {
        LabelTree.Node node = nodes.get(i);
        double next = logits[node.token()] - normaliser;
        visit(steps.get(i).session(), steps.get(i).logits(), node, logarithm + next);
      }
    } finally {
      for (DecodeStep step : steps) {
        batcher.leave(step.session());
        step.session().close();
      }
    }
  }

  private void found(LabelTree.Node node, double logarithm) {
    int label = node.label();
    logarithms[label] = logSum(logarithms[label], logarithm);
    if (bestWay[label] == null || logarithm > bestOfWay[label]) {
      bestWay[label] = node;
      bestOfWay[label] = logarithm;
    }
  }

  private static double logSum(double a, double b) {
    double higher = Math.max(a, b);
    return higher == Double.NEGATIVE_INFINITY
        ? higher
        : higher + StrictMath.log1p(StrictMath.exp(Math.min(a, b) - higher));
  }

  private static double logSumExp(float[] logits) {
    double highest = Double.NEGATIVE_INFINITY;
    for (int id = 0; id < logits.length; id++) {
      Sampler.requireNumber(logits, id);
      highest = Math.max(highest, logits[id]);
    }
    if (highest == Double.NEGATIVE_INFINITY) {
      throw Sampler.noneFinite(logits.length);
    }
    double sum = 0;
    for (float logit : logits) {
      if (logit > highest - NEGLIGIBLE) {
        sum += StrictMath.exp(logit - highest);
      }
    }
    return highest + StrictMath.log(sum);
  }
}
