package org.longform.read;

import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.GroupOptions;
import org.longform.options.Options;
import org.longform.tokenizer.Tokenizer;

/** Tells which rows of a group cannot be read, and whether that is the end of the group. */
final class RowCheck {
  private final Tokenizer tokenizer;
  private final boolean skipping;

  RowCheck(Tokenizer tokenizer, Options options) {
    this.tokenizer = tokenizer;
    this.skipping = options.get(GroupOptions.ROW_ERRORS).equals(GroupOptions.SKIP);
  }

  /**
   * Why a text is to be left out.
   *
   * @throws LongformException where it must not be: it is the whole document, or a row of a group
   *     that fails with its rows
   */
  Optional<AnswerError> refusal(Part part) {
    Optional<LongformException> why = why(part);
    if (why.isEmpty() || (part.ofGroup() && skipping)) {
      return why.map(AnswerError::of);
    }
    if (!part.ofGroup()) {
      throw why.get();
    }
    throw new LongformException(
        why.get().errorClass(),
        "Cannot read the group: its row %d%s cannot be read. %s Or set row_errors to '%s'."
            .formatted(part.row(), named(part), why.get().getMessage(), GroupOptions.SKIP),
        why.get());
  }

  private static String named(Part part) {
    boolean unnamed = part.doc() == null || part.doc().equals(Long.toString(part.row()));
    return unnamed ? "" : " ('%s')".formatted(part.doc());
  }

  private Optional<LongformException> why(Part part) {
    if (part.text().isBlank()) {
      return Optional.of(
          new LongformException(
              ErrorClass.EMPTY_DOCUMENT,
              "Cannot read the document: it is empty (%d characters, all white space). Leave the row out or give it a text."
                  .formatted(part.text().length())));
    }
    // of a document that is one text the reading itself finds out
    return part.ofGroup() ? tokenizer.refusal(part.text()) : Optional.empty();
  }
}
