package org.longform.tokenizer;

/**
 * The place where two overlapping windows are joined: the tokens of the earlier one before {@code
 * earlier}, then those of the later one from {@code later} on.
 *
 * <p>Why the join equals encoding the whole text: around the seam both windows hold the same
 * tokens. A sequence of byte-pair tokens is the encoding of its text exactly if each neighbouring
 * pair is the encoding of its own text, since a merge across a border of tokens can only depend on
 * the two tokens at that border. Pairs before the seam are neighbours in the earlier window, pairs
 * after it in the later one, and the pair at the seam in both. Pre-tokenizers scan from left to
 * right, so where both see the same word borders for some tokens, they go on alike; several tokens
 * on either side must agree, which also passes over what a tokenizer adds to the beginning of any
 * text.
 */
record Seam(int earlier, int later) {
  /** Tokens that must agree on either side of the seam. */
  private static final int AGREEMENT = 8;

  static final Seam NONE = new Seam(-1, -1);

  boolean found() {
    return earlier >= 0;
  }

  /**
   * @param shift place of the later window's first character in the earlier window
   * @param first first token of the earlier window that begins at or after {@code shift}
   */
  static Seam between(Encoded earlier, Encoded later, int shift, int first) {
    Seam inWord = NONE;
    int run = 0;
    int i = first;
    int j = 0;
    while (i < earlier.size() && j < later.size()) {
      int difference = earlier.starts()[i] - (later.starts()[j] + shift);
      if (difference == 0 && same(earlier, i, later, j, shift)) {
        run++;
        i++;
        j++;
        if (run > 2 * AGREEMENT) {
          int back = AGREEMENT;
          if (earlier.beginsWord(i - back) && earlier.beginsCharacter(i - back)) {
            return new Seam(i - back, j - back);
          }
          if (!inWord.found() && earlier.beginsCharacter(i - back)) {
            inWord = new Seam(i - back, j - back);
          }
        }
        continue;
      }
      run = 0;
      if (difference <= 0) {
        i++;
      }
      if (difference >= 0) {
        j++;
      }
    }
    return inWord;
  }

  private static boolean same(Encoded earlier, int i, Encoded later, int j, int shift) {
    // the first token of the later window begins a word there, whatever it does in the earlier one
    boolean sameWordBorder = j == 0 || earlier.beginsWord(i) == later.beginsWord(j);
    return earlier.ids()[i] == later.ids()[j]
        && earlier.ends()[i] == later.ends()[j] + shift
        && sameWordBorder;
  }
}
