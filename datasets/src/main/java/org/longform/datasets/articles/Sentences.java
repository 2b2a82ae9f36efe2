package org.longform.datasets.articles;

/** Small pieces of English. */
final class Sentences {
  private Sentences() {}

  static String capitalised(String text) {
    return Character.toUpperCase(text.charAt(0)) + text.substring(1);
  }
}
