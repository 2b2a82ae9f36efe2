package org.longform.prompt.jinja;

import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * One rendering that is going on: its variables, and how much it may still do. Templates come from
 * outside, so steps, time, depth, the size of each text and list and that of all together are
 * limited.
 */
final class Rendering {
  private static final int MOST_STEPS = 1_000_000;
  private static final long MOST_NANOS = 5_000_000_000L;
  private static final int LARGEST_TEXT = 1 << 20;
  private static final int LARGEST_LIST = 10_000;
  private static final long MOST_BUILT = 1L << 26;
  // what an item of a list takes of memory is that of some characters
  private static final long CHARACTERS_OF_ITEM = 16;
  private static final long MOST_SEARCHED = 1L << 28;
  private static final int DEEPEST_CALLS = 50;

  private final Map<String, Expression> parsed = new HashMap<>();
  private final Clock clock;
  private final long startedNanos = System.nanoTime();
  private Scope scope = Scope.outermost();
  private int steps;
  private int calls;
  private long built;

  Rendering(Clock clock) {
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  Scope scope() {
    return scope;
  }

  /** What is done in another block's scope. */
  <T> T in(Scope other, Supplier<T> work) {
    Scope before = scope;
    scope = other;
    try {
      return work.get();
    } finally {
      scope = before;
    }
  }

  /** A call of a macro. */
  <T> T called(Supplier<T> work) {
    if (++calls > DEEPEST_CALLS) {
      throw TemplateFailure.of("its macros call each other deeper than %d", DEEPEST_CALLS);
    }
    try {
      return work.get();
    } finally {
      calls--;
    }
  }

  Object value(String expression) {
    return value(parsed.computeIfAbsent(expression, text -> new ExpressionParser(text).whole()));
  }

  Object value(Expression expression) {
    step();
    Object value = expression.value(this);
    return expression instanceof Expression.Constant || expression instanceof Expression.Name
        ? value
        : made(value);
  }

  /** Counts a value that was made, or refuses it. */
  Object made(Object value) {
    if (value instanceof String text) {
      built(text.length());
    } else if (value instanceof List<?> list) {
      roomForItems(list.size());
      built += CHARACTERS_OF_ITEM * list.size();
    }
    return value;
  }

  void step() {
    if (++steps > MOST_STEPS) {
      throw TemplateFailure.of("it takes more than %d steps", MOST_STEPS);
    }
    if (System.nanoTime() - startedNanos > MOST_NANOS) {
      throw TemplateFailure.of("it takes more than %d seconds", MOST_NANOS / 1_000_000_000);
    }
  }

  /** Counts a text of so many characters, or refuses it. */
  void built(long characters) {
    room(characters);
    built += characters;
  }

  /** Refuses a text of so many characters, or one too many. */
  void room(long characters) {
    requireRoom(characters);
    if (built + characters > MOST_BUILT) {
      throw TemplateFailure.of("it builds more than %d characters", MOST_BUILT);
    }
  }

  static void requireRoom(long characters) {
    if (characters > LARGEST_TEXT) {
      throw TemplateFailure.of("it builds a text of more than %d characters", LARGEST_TEXT);
    }
  }

  void roomForItems(long items) {
    if (items > LARGEST_LIST) {
      throw TemplateFailure.of("it builds a list of more than %d items", LARGEST_LIST);
    }
    room(0);
  }

  /** Refuses to look for a long text in a long text. */
  void search(String text, String part) {
    step();
    if ((long) text.length() * part.length() > MOST_SEARCHED) {
      throw TemplateFailure.of("it looks for %d characters in %d", part.length(), text.length());
    }
  }
}
