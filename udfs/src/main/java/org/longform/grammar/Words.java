package org.longform.grammar;

import java.util.List;

/** One of some words. */
final class Words extends Rule {
  private final WordTrie words;

  /**
   * @param words all different, none empty
   */
  Words(List<byte[]> words) {
    this.words = new WordTrie(words);
  }

  @Override
  Place step(Place here, int next) {
    int node = words.child(here.at(), next);
    if (node < 0) {
      return null;
    }
    return words.word(node) >= 0 && words.isLeaf(node) ? here.then() : here.with(node);
  }

  @Override
  boolean mayEnd(Place here) {
    return words.word(here.at()) >= 0;
  }

  @Override
  int closing(Place here) {
    return words.cheapest(here.at());
  }

  @Override
  int shortest() {
    return (int) words.cost(0);
  }

  @Override
  int longestClosing() {
    return (int) words.largestCost();
  }

  @Override
  int largestJump() {
    return longestClosing();
  }
}
