package org.longform.kernels.model.prune;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How the importances of the rows and columns that go together become one: of a dimension of a head
 * those of the query, key and value rows and of the output's column, in this order; of a channel
 * those of the gate and up rows and of the down column.
 */
public enum Aggregate {
  SUM {
    @Override
    double of(double[] members) {
      return Arrays.stream(members).sum();
    }
  },
  PROD {
    @Override
    double of(double[] members) {
      return Arrays.stream(members).reduce(1, (a, b) -> a * b);
    }
  },
  MAX {
    @Override
    double of(double[] members) {
      return Arrays.stream(members).max().orElseThrow();
    }
  },
  FIRST {
    @Override
    double of(double[] members) {
      return members[0];
    }
  },
  LAST {
    @Override
    double of(double[] members) {
      return members[members.length - 1];
    }
  };

  abstract double of(double[] members);

  /** The words of all. */
  public static List<String> words() {
    return Arrays.stream(values()).map(each -> each.name().toLowerCase(Locale.ROOT)).toList();
  }
}
