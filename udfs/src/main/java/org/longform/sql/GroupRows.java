package org.longform.sql;

import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.longform.read.DocumentSource;
import org.longform.read.Part;

/**
 * The rows of one group as a document. They are taken from Spark's iterator as the reader asks for
 * them, and written down only if they are to be gone through again. Rows whose text is NULL are no
 * part of the document. Whoever makes it closes it.
 */
public final class GroupRows implements DocumentSource, AutoCloseable {
  private final Iterator<UnsafeRow> input;
  private final int textOrdinal;
  private final RowNames names;
  private final GroupSpool spool;
  private boolean keeping;
  private boolean begun;
  private UnsafeRow peeked;
  private long withText;
  private long skipped;
  private Throwable failure;

  /** What the rows of a group are called. */
  @FunctionalInterface
  public interface RowNames {
    /**
     * @param ordinal the row's place among those with a text, from 1
     * @return null if the row has no name
     */
    String of(UnsafeRow row, long ordinal);
  }

  /**
   * @param input the rows of the group in order, each valid until the next one is asked for
   * @param fields how many fields a row has
   * @param textOrdinal the field that is the text
   */
  public GroupRows(Iterator<UnsafeRow> input, int fields, int textOrdinal, RowNames names) {
    this.input = input;
    this.textOrdinal = textOrdinal;
    this.names = names;
    this.spool = new GroupSpool(fields);
  }

  @Override
  public void keep() {
    if (begun && !keeping) {
      throw new IllegalStateException("the rows are kept from the first or not at all");
    }
    keeping = true;
  }

  @Override
  public Iterator<Part> parts() {
    if (begun) {
      finish();
      return new Parts(rows());
    }
    begun = true;
    return new Parts(
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return peek();
          }

          @Override
          public UnsafeRow next() {
            return take();
          }
        });
  }

  /** Whether no row has a text. Goes forward to the first that has one. */
  boolean isEmpty() {
    while (peek() && peeked.isNullAt(textOrdinal)) {
      take();
    }
    return withText == 0 && peeked == null;
  }

  /** Takes what is left of the group from Spark. */
  public void finish() {
    begun = true;
    while (peek()) {
      take();
    }
  }

  /** All rows, those without a text too. After {@link #keep} and {@link #finish}. */
  public Iterator<UnsafeRow> rows() {
    if (!keeping) {
      throw new IllegalStateException("the rows were not kept");
    }
    return spool.rows();
  }

  /** How many rows with a text came so far. */
  public long withText() {
    return withText;
  }

  /** How many rows were left out because they cannot be read. */
  public long skipped() {
    return skipped;
  }

  void noteSkipped(long count) {
    skipped = Math.max(skipped, count);
  }

  /** Fails as Spark's iterator did, which the reader may have taken for a failure of its own. */
  void throwFailure() {
    if (failure != null) {
      GroupRows.<RuntimeException>sneaky(failure);
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // any throwable passes unchanged
  private static <T extends Throwable> void sneaky(Throwable any) throws T {
    throw (T) any;
  }

  private boolean peek() {
    if (peeked == null) {
      try {
        peeked = input.hasNext() ? input.next() : null;
      } catch (Throwable e) {
        failure = e;
        throw e;
      }
    }
    return peeked != null;
  }

  private UnsafeRow take() {
    if (!peek()) {
      throw new NoSuchElementException("the group has no more rows");
    }
    UnsafeRow row = peeked;
    peeked = null;
    if (keeping) {
      spool.add(row);
    }
    if (!row.isNullAt(textOrdinal)) {
      withText++;
    }
    return row;
  }

  @Override
  public void close() {
    spool.close();
  }

  /** The rows with a text. */
  private final class Parts implements Iterator<Part> {
    private final Iterator<UnsafeRow> rows;
    private Part next;
    private long ordinal;

    Parts(Iterator<UnsafeRow> rows) {
      this.rows = rows;
    }

    @Override
    public boolean hasNext() {
      while (next == null && rows.hasNext()) {
        UnsafeRow row = rows.next();
        if (!row.isNullAt(textOrdinal)) {
          ordinal++;
          String text = row.getUTF8String(textOrdinal).toString();
          next = new Part(names.of(row, ordinal), ordinal, text);
        }
      }
      return next != null;
    }

    @Override
    public Part next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the group has no more rows");
      }
      Part part = next;
      next = null;
      return part;
    }
  }
}
