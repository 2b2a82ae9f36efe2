package org.longform.read;

import java.io.Reader;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * The characters of a document: those of its texts one after the other, with {@link #SEPARATOR}
 * between them. Only one text is held at a time.
 */
final class PartsReader extends Reader {
  /** Stands between the rows of a group: they are read as paragraphs. */
  static final String SEPARATOR = "\n\n";

  private final ReadableParts parts;
  private final Optional<TextDigest> digest;
  private String text = "";
  private String afterSeparator;
  private int position;
  private boolean begun;

  /**
   * @param source whose key is computed if it has none
   */
  PartsReader(DocumentSource source, RowCheck check) {
    this.parts = new ReadableParts(source.parts(), check);
    this.digest = source.rowKey().isEmpty() ? Optional.of(new TextDigest()) : Optional.empty();
  }

  /**
   * Fails if there is nothing to read, before anything is made ready for it.
   *
   * @throws LongformException EMPTY_DOCUMENT
   */
  void requireText() {
    if (!parts.hasNext()) {
      throw new LongformException(
          ErrorClass.EMPTY_DOCUMENT,
          "Cannot read the group: none of its %d rows can be read%s. Leave the group out or give it a text."
              .formatted(
                  tally().rows(),
                  tally().errors().stream()
                      .findFirst()
                      .map(first -> " (row %d: %s)".formatted(first.row(), first.error().message()))
                      .orElse("")));
    }
  }

  @Override
  public int read(char[] buffer, int offset, int length) {
    while (position == text.length()) {
      if (!advance()) {
        return -1;
      }
    }
    int count = Math.min(length, text.length() - position);
    text.getChars(position, position + count, buffer, offset);
    position += count;
    return count;
  }

  /** To the next text, or to the separator before it. */
  private boolean advance() {
    position = 0;
    if (afterSeparator != null) {
      text = afterSeparator;
      afterSeparator = null;
    } else if (!parts.hasNext()) {
      text = "";
      return false;
    } else if (begun) {
      text = SEPARATOR;
      afterSeparator = parts.next().text();
    } else {
      begun = true;
      text = parts.next().text();
    }
    digest.ifPresent(made -> made.add(text));
    return true;
  }

  /** Reads what is left, so that key and tally are those of the whole document. */
  void finish() {
    while (advance()) {
      position = text.length();
    }
  }

  /** The key of the text, if the source has none of its own. Called once, after the end. */
  Optional<String> rowKey() {
    return digest.map(TextDigest::hex);
  }

  RowTally tally() {
    return parts.tally();
  }

  @Override
  public void close() {}
}
