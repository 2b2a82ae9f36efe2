package org.longform.kernels.attention;

/** A factor on a query before it meets any key, by where it stands in the document. */
public sealed interface QueryGain {
  QueryGain NONE = new None();

  /** Factor on the query of token {@code row}. */
  double at(long row);

  /** Queries as the model made them. */
  record None() implements QueryGain {
    @Override
    public double at(long row) {
      return 1;
    }
  }

  /**
   * {@code max(1, ln(row + 1) / ln(trained))}: sharper the more tokens compete (Chiang and Cholak
   * 2022, Overcoming a Theoretical Limitation of Self-Attention; Mesa-Extrapolation uses it).
   *
   * @param trained tokens the model was trained to read at once, at least 2
   * @param from first row that it acts on; those before stay as the model made them
   */
  record LogLength(long trained, long from) implements QueryGain {
    public LogLength(long trained) {
      this(trained, 0);
    }

    public LogLength {
      if (trained < 2) {
        throw new IllegalArgumentException(
            "Cannot scale by the logarithm of %d: it must be at least 2.".formatted(trained));
      }
    }

    @Override
    public double at(long row) {
      return row < from ? 1 : Math.max(1, Math.log(row + 1.0) / Math.log(trained));
    }
  }
}
