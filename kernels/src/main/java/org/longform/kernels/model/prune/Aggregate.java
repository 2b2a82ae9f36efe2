package org.longform.kernels.model.prune;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * How the importances of the rows and columns that go together become one: of a dimension of a head
 * those of the query, key and value rows and of the output's column, in this order; of a channel
 * those of the gate and up rows and of the down column; of a hidden dimension those of the
 * embedding's column, the final norm, the head's column, then layer after layer.
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

  /**
   * For each unit what its members become.
   *
   * @param members each a number for every unit
   */
  double[] ofEach(List<double[]> members) {
    return IntStream.range(0, members.get(0).length)
        .mapToDouble(unit -> of(members.stream().mapToDouble(m -> m[unit]).toArray()))
        .toArray();
  }

  /** The words of all. */
  public static List<String> words() {
    return Arrays.stream(values()).map(each -> each.name().toLowerCase(Locale.ROOT)).toList();
  }
}
