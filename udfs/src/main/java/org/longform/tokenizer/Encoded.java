package org.longform.tokenizer;

/**
 * The tokens of one window of text. Arrays are parallel.
 *
 * @param starts place of the token's first character in the window, UTF-16 units
 * @param ends one past its last; tokens that share one character have the same place
 * @param words number of the pre-tokenizer's word the token is part of
 */
record Encoded(int[] ids, int[] starts, int[] ends, long[] words) {
  int size() {
    return ids.length;
  }

  boolean beginsWord(int i) {
    return i == 0 || words[i] != words[i - 1];
  }

  /**
   * Whether the text can be cut in front of the token: no character is split between two tokens.
   */
  boolean beginsCharacter(int i) {
    return i == 0 || starts[i] >= ends[i - 1];
  }
}
