package org.longform.grammar;

import java.util.Objects;

/**
 * Where a text is in a grammar: in a rule, with the places to go on from when the rule ends.
 * Immutable; equal places allow the same continuations.
 */
final class Place {
  /** The text is over. */
  static final Place END = new Place(Rule.NOTHING, 0, 0, null);

  /** Stands for whatever follows a rule, where that does not matter yet. */
  static final Place OPEN = new Place(Rule.NOTHING, 1, 0, null);

  private final Rule rule;
  private final int at;
  private final int count;
  private final Place then;
  private final int hash;

  Place(Rule rule, int at, int count, Place then) {
    this.rule = rule;
    this.at = at;
    this.count = count;
    this.then = then;
    this.hash = 31 * (31 * (31 * System.identityHashCode(rule) + at) + count) + Objects.hash(then);
  }

  int at() {
    return at;
  }

  int count() {
    return count;
  }

  Place then() {
    return then;
  }

  /** Whether nothing can follow. */
  boolean isEnd() {
    return then == null;
  }

  /** The place behind one more byte; null if no text of the grammar goes on with it. */
  Place step(int next) {
    Place after = rule.step(this, next);
    return after == null && then != null && rule.mayEnd(this) ? then.step(next) : after;
  }

  /** The place behind some more bytes; null if no text of the grammar goes on with them. */
  Place step(byte[] bytes) {
    Place place = this;
    for (int i = 0; i < bytes.length && place != null; i++) {
      place = place.step(bytes[i] & 0xFF);
    }
    return place;
  }

  /** Whether the text may end here. */
  boolean accepts() {
    return isEnd() || (rule.mayEnd(this) && then.accepts());
  }

  /** The next byte on the shortest way to the end, where the text may not end yet. */
  int closing() {
    return rule.mayEnd(this) ? then.closing() : rule.closing(this);
  }

  /** The same place with no count above {@code most}. */
  @SuppressWarnings("ReferenceEquality") // an equal one would do, but the same one is no new one
  Place capped(int most) {
    if (then == null) {
      return this;
    }
    Place rest = then.capped(most);
    return rest == then && count <= most ? this : new Place(rule, at, Math.min(count, most), rest);
  }

  /** The same place in its rule, whatever follows that. */
  Place alone() {
    return new Place(rule, at, count, OPEN);
  }

  Place with(int otherAt) {
    return new Place(rule, otherAt, count, then);
  }

  Place with(int otherAt, int otherCount) {
    return new Place(rule, otherAt, otherCount, then);
  }

  @Override
  public boolean equals(Object other) {
    return this == other
        || (other instanceof Place that
            && hash == that.hash
            && rule == that.rule
            && at == that.at
            && count == that.count
            && Objects.equals(then, that.then));
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
