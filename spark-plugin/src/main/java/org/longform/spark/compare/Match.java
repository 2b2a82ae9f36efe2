package org.longform.spark.compare;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** When an answer is right. */
public enum Match {
  /** It is the expected one, apart from white space around it. */
  EXACT {
    @Override
    boolean accepts(String expected, String given) {
      return given.strip().equals(expected.strip());
    }
  },
  /** The expected one stands in it; case and the amount of white space do not count. */
  CONTAINS {
    @Override
    boolean accepts(String expected, String given) {
      return folded(given).contains(folded(expected));
    }
  };

  abstract boolean accepts(String expected, String given);

  private static String folded(String text) {
    return text.strip().replaceAll("\\s+", " ").toLowerCase(Locale.ROOT);
  }

  /** The word users write. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * @throws LongformException INVALID_OPTION listing the known words
   */
  public static Match ofWord(String word) {
    return Arrays.stream(values())
        .filter(match -> match.word().equals(word.strip()))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use option '--match': its value is unknown ('%s'). Give one of %s."
                        .formatted(
                            word,
                            Arrays.stream(values())
                                .map(Match::word)
                                .collect(Collectors.joining(", ")))));
  }
}
