package org.longform.read;

/**
 * One of the texts that make up a document: the whole of it, or a row of a group.
 *
 * @param doc what the row is called, null if it has no name; empty for a document of one text
 * @param row which row of the group it is in the order of reading, from 1; 0 for a document of one
 *     text
 */
public record Part(String doc, long row, String text) {
  /** A document that is one text. */
  static Part whole(String text) {
    return new Part("", 0, text);
  }

  boolean ofGroup() {
    return row > 0;
  }
}
