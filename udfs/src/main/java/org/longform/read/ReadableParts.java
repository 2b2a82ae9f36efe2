package org.longform.read;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/** The texts of a document without those that cannot be read, which it counts. */
final class ReadableParts implements Iterator<Part> {
  private final Iterator<Part> parts;
  private final RowCheck check;
  private final List<RowTally.RowError> errors = new ArrayList<>();
  private Part next;
  private long rows;
  private long skipped;

  ReadableParts(Iterator<Part> parts, RowCheck check) {
    this.parts = parts;
    this.check = check;
  }

  @Override
  public boolean hasNext() {
    while (next == null && parts.hasNext()) {
      Part part = parts.next();
      rows += part.ofGroup() ? 1 : 0;
      Optional<AnswerError> refusal = check.refusal(part);
      if (refusal.isEmpty()) {
        next = part;
      } else {
        skip(part, refusal.get());
      }
    }
    return next != null;
  }

  private void skip(Part part, AnswerError why) {
    skipped++;
    if (errors.size() < RowTally.ERRORS_KEPT) {
      errors.add(new RowTally.RowError(part.doc(), part.row(), why));
    }
  }

  @Override
  public Part next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the document has no more texts");
    }
    Part part = next;
    next = null;
    return part;
  }

  /** What became of the rows so far. */
  RowTally tally() {
    return new RowTally(rows, skipped, errors);
  }
}
