package org.longform.kernels.context;

/**
 * How Mesa-Extrapolation cuts a document: a first chunk, middle chunks of one width, and the last
 * chunk, which goes on through question and answer. Without middle chunks everything is the last.
 *
 * @param first tokens of the first chunk, F
 * @param width tokens of a middle chunk
 * @param lastStart first token of the last chunk; 0 if there are no others
 */
record MesaSplit(long first, long width, long lastStart) {

  /**
   * What decides the cut.
   *
   * @param trainLength tokens up to which nothing is cut and positions are true, M
   * @param first tokens of the first chunk
   * @param unused positions that a middle chunk leaves unused
   * @param last tokens that the last chunk has at least, with question and answer
   * @param answerRoom tokens of question and answer to plan for
   * @param remainderLimit most tokens beyond whole chunks of the largest width that go into the
   *     last one; for more all chunks become narrower
   */
  record Sizes(
      long trainLength, long first, long unused, long last, long answerRoom, long remainderLimit) {

    /** The largest width of a middle chunk: positions of the window that the others leave. */
    long span() {
      return trainLength - first - unused;
    }

    /** Published as DynamicSplit, of a document of so many tokens, negative if that is unknown. */
    MesaSplit of(long tokens) {
      long between = tokens + answerRoom - last - first;
      if (tokens < trainLength - answerRoom || between <= 0) {
        return new MesaSplit(first, span(), 0);
      }
      long whole = between / span();
      long rest = between % span();
      long width = rest < remainderLimit ? span() : between / (whole + 1);
      return new MesaSplit(first, width, first + between / width * width);
    }
  }

  boolean isWhole() {
    return lastStart == 0;
  }

  /** First token of the chunk that has a token. */
  long start(long row) {
    if (row >= lastStart) {
      return lastStart;
    }
    return row < first ? 0 : first + (row - first) / width * width;
  }

  /** One past the last token of the chunk that has a token. */
  long end(long row) {
    if (row >= lastStart) {
      return Long.MAX_VALUE;
    }
    return row < first ? first : start(row) + width;
  }
}
