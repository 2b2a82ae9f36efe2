package org.longform.feed;

/**
 * Tokens of a document that stay or go together.
 *
 * @param first index in the document of the first of them
 */
record Sentence(int[] ids, long first) {
  int length() {
    return ids.length;
  }
}
