package org.longform.kernels.model.prune;

import java.util.Arrays;
import java.util.List;

/**
 * How much a row or a column of a matrix matters (LLM-Pruner, section 3.2). w is a weight, g the
 * derivative of the loss by it, a the mean over the samples of its square (the diagonal of the
 * empirical Fisher matrix, which stands for the Hessian's). Sums run over the row or column.
 */
public enum Importance {
  /** {@code sum |w|}. */
  L1("l1", Needs.WEIGHTS) {
    @Override
    double term(double w, double g, double a) {
      return Math.abs(w);
    }
  },
  /** {@code sum w^2}. */
  L2("l2", Needs.WEIGHTS) {
    @Override
    double term(double w, double g, double a) {
      return w * w;
    }
  },
  /** A number from 0 to 1 for each row or column, drawn from the seed. */
  RANDOM("random", Needs.WEIGHTS) {
    @Override
    double term(double w, double g, double a) {
      throw new IllegalStateException("a random importance is drawn, not computed");
    }
  },
  /** {@code sum |w g|}: element-wise, first order; the paper's Element^1 and the default. */
  TAYLOR_FIRST("taylor-first", Needs.GRADIENTS) {
    @Override
    double term(double w, double g, double a) {
      return Math.abs(w * g);
    }
  },
  /** {@code sum |w^2 a|}: element-wise, second order; the paper's Element^2. */
  TAYLOR_SECOND("taylor-second", Needs.GRADIENTS) {
    @Override
    double term(double w, double g, double a) {
      return Math.abs(w * w * a);
    }
  },
  /** {@code sum |w g - w^2 a / 2|}: both orders of the Taylor series. */
  TAYLOR_MIX("taylor-mix", Needs.GRADIENTS) {
    @Override
    double term(double w, double g, double a) {
      return Math.abs(w * g - w * w * a / 2);
    }
  },
  /** {@code |sum w g|}: how the loss changes to first order if the whole row or column is zero. */
  TAYLOR_VECTOR("taylor-vector", Needs.GRADIENTS) {
    @Override
    double term(double w, double g, double a) {
      return w * g;
    }
  };

  /** What has to be known beside the model. */
  public enum Needs {
    WEIGHTS,
    GRADIENTS
  }

  private final String word;
  private final Needs needs;

  Importance(String word, Needs needs) {
    this.word = word;
    this.needs = needs;
  }

  /** Its name on the command line. */
  public String word() {
    return word;
  }

  public Needs needs() {
    return needs;
  }

  /** What one weight adds to the sum of its row or column. */
  abstract double term(double w, double g, double a);

  /** The words of all. */
  public static List<String> words() {
    return Arrays.stream(values()).map(Importance::word).toList();
  }
}
