package org.longform.grammar;

/** What another rule allows, perhaps behind a blank: many models begin their answers with one. */
final class BlankFirst extends Rule {
  private final Rule text;

  /**
   * @param text does not begin with a blank
   */
  BlankFirst(Rule text) {
    this.text = text;
  }

  @Override
  Place step(Place here, int next) {
    Place begun = text.start(here.then());
    return next == ' ' ? begun : begun.step(next);
  }

  @Override
  int closing(Place here) {
    return text.start(here.then()).closing();
  }

  @Override
  int shortest() {
    return text.shortest();
  }

  @Override
  int longestClosing() {
    return text.longestClosing();
  }

  @Override
  int largestJump() {
    return text.largestJump();
  }
}
