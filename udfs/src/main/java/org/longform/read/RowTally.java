package org.longform.read;

import java.util.List;

/**
 * What became of the rows of a group.
 *
 * @param rows rows with a text
 * @param skipped how many of them were left out because they cannot be read
 * @param errors why, for the first {@link #ERRORS_KEPT} of them
 */
public record RowTally(long rows, long skipped, List<RowError> errors) {
  /** A document that is no group. */
  public static final RowTally NONE = new RowTally(0, 0, List.of());

  static final int ERRORS_KEPT = 10;

  public RowTally {
    errors = List.copyOf(errors);
  }

  /** A row that was left out; fields as in {@link Part}. */
  public record RowError(String doc, long row, AnswerError error) {}
}
