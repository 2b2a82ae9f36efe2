package org.longform.read;

import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/** Where a document comes from: one text, or texts that follow each other and need not all fit. */
public interface DocumentSource {
  /**
   * The texts in order. May be called again if {@link #keep} was called before the first time.
   *
   * @return an iterator that is read to its end or left before another one is asked for
   */
  Iterator<Part> parts();

  /** Says that the texts will be asked for more than once. */
  default void keep() {}

  /**
   * What tells this document from others, so that sampling is repeatable wherever it runs; empty if
   * that is to follow from the text, which is then read to its end.
   */
  default Optional<String> rowKey() {
    return Optional.empty();
  }

  /** A document that is one text. */
  static DocumentSource of(String text, String rowKey) {
    return new DocumentSource() {
      @Override
      public Iterator<Part> parts() {
        return List.of(Part.whole(text)).iterator();
      }

      @Override
      public Optional<String> rowKey() {
        return Optional.of(rowKey);
      }
    };
  }
}
