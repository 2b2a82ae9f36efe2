package org.longform.read;

import java.util.Arrays;

/** Where the tokens of a document stand: in the session, and as characters of the text. */
final class DocumentTokens {
  private int[] starts = new int[1024];
  private int[] ends = new int[1024];
  private int count;
  private final long firstRow;

  /**
   * @param firstRow index in the session of the document's first token
   */
  DocumentTokens(long firstRow) {
    this.firstRow = firstRow;
  }

  /** Adds the next token, which stands for characters {@code start} to {@code end}. */
  void add(int start, int end) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, count * 2);
      ends = Arrays.copyOf(ends, count * 2);
    }
    starts[count] = start;
    ends[count++] = end;
  }

  int count() {
    return count;
  }

  /** Whether a token of the session belongs to the document. */
  boolean covers(long row) {
    return row >= firstRow && row < firstRow + count;
  }

  /** The middle character of a token. */
  int middle(long row) {
    int index = (int) (row - firstRow);
    return (starts[index] + Math.max(starts[index], ends[index] - 1)) / 2;
  }
}
