package org.longform.grammar;

/** {@code null}, or what another rule allows, which must not begin with an n. */
final class NullOr extends Rule {
  private static final String NULL = "null";

  private final Rule value;

  NullOr(Rule value) {
    this.value = value;
  }

  @Override
  Place step(Place here, int next) {
    if (next == NULL.charAt(here.at())) {
      return here.at() + 1 == NULL.length() ? here.then() : here.with(here.at() + 1);
    }
    return here.at() == 0 ? value.start(here.then()).step(next) : null;
  }

  // what is not known any more is null rather than empty
  @Override
  int closing(Place here) {
    return NULL.charAt(here.at());
  }

  @Override
  int shortest() {
    return NULL.length();
  }

  @Override
  int longestClosing() {
    return Math.max(NULL.length(), value.longestClosing());
  }

  @Override
  int largestJump() {
    return longestClosing(); // from the shortest way, null, into any place of the value
  }
}
