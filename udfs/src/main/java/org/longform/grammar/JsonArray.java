package org.longform.grammar;

/** A JSON array without white space. */
final class JsonArray extends Rule {
  private static final int BRACKET = 0;
  private static final int EMPTY = 1;
  private static final int BEHIND_ITEM = 2;

  private final Rule item;
  private final int maxItems;

  /**
   * @param maxItems or {@link Rule#UNLIMITED}
   */
  JsonArray(Rule item, int maxItems) {
    this.item = item;
    this.maxItems = maxItems;
  }

  @Override
  Place start(Place then) {
    return new Place(this, BRACKET, maxItems, then);
  }

  @Override
  Place step(Place here, int next) {
    if (here.at() == BRACKET) {
      return next == '[' ? here.with(EMPTY) : null;
    }
    if (next == ']') {
      return here.then();
    }
    if (here.count() == 0) {
      return null;
    }
    Place begun = item.start(here.with(BEHIND_ITEM, fewer(here.count())));
    if (here.at() == EMPTY) {
      return begun.step(next);
    }
    return next == ',' ? begun : null;
  }

  @Override
  int closing(Place here) {
    return here.at() == BRACKET ? '[' : ']';
  }

  @Override
  int shortest() {
    return 2;
  }

  @Override
  int longestClosing() {
    return item.longestClosing() + 1;
  }

  @Override
  int largestJump() {
    return longestClosing();
  }
}
