package org.longform.tokenizer;

/**
 * Consecutive tokens of a document. Arrays are parallel.
 *
 * @param starts place of each token's first character in the document, in UTF-16 units
 * @param ends one past its last; tokens that share one character have the same place
 */
public record TokenChunk(int[] ids, long[] starts, long[] ends) {
  public int size() {
    return ids.length;
  }
}
