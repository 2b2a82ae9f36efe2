package org.longform.kernels.weights;

import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A regular expression for names of modules, from a file that may come from anywhere: it is bounded
 * in length and in the steps that a match may take.
 */
public final class NamePattern {
  private static final int MOST_CHARACTERS = 1000;
  // names have a hundred characters; only an expression that tries them over and over gets here
  private static final int MOST_STEPS = 200_000;

  private final Pattern pattern;

  private NamePattern(Pattern pattern) {
    this.pattern = pattern;
  }

  /** Empty if the text is no regular expression, or too long for one. */
  public static Optional<NamePattern> of(String text) {
    if (text.length() > MOST_CHARACTERS) {
      return Optional.empty();
    }
    try {
      return Optional.of(new NamePattern(Pattern.compile(text)));
    } catch (PatternSyntaxException e) {
      return Optional.empty();
    }
  }

  /**
   * Whether all of a name matches.
   *
   * @throws LongformException INVALID_MODEL if that takes too long to tell
   */
  public boolean matches(String name) {
    return matches(name, Matcher::matches);
  }

  /**
   * Whether the beginning of a name matches.
   *
   * @throws LongformException INVALID_MODEL if that takes too long to tell
   */
  public boolean begins(String name) {
    return matches(name, Matcher::lookingAt);
  }

  private boolean matches(String name, Predicate<Matcher> how) {
    try {
      return how.test(pattern.matcher(new Counted(name)));
    } catch (TooManySteps | StackOverflowError e) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot match names of modules with '%s': it takes too long. Write it in a simpler way."
              .formatted(shortened(pattern.pattern())),
          e);
    }
  }

  private static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  /** Thrown through the matcher, which has no limit of its own. */
  private static final class TooManySteps extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TooManySteps() {
      super(null, null, false, false);
    }
  }

  /** A text that counts how often it is looked at. */
  private static final class Counted implements CharSequence {
    private final String text;
    private int steps;

    Counted(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      if (++steps > MOST_STEPS) {
        throw new TooManySteps();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
