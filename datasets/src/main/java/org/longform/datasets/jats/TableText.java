package org.longform.datasets.jats;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The rows of a table as lines with " | " between the cells. A cell which spans rows is repeated in
 * each of them and one which spans columns is followed by empty cells, so every value stays in its
 * column.
 */
final class TableText {
  // wider tables and spans are mistakes or attacks: such spans count as one
  private static final int MAX_COLUMNS = 256;

  private final XmlCursor cursor;
  private final ContentReader content;
  private final FlowText out;
  private final String[] spanned = new String[MAX_COLUMNS];
  private final int[] rowsLeft = new int[MAX_COLUMNS];

  TableText(XmlCursor cursor, ContentReader content, FlowText out) {
    this.cursor = cursor;
    this.content = content;
    this.out = out;
  }

  /**
   * Reads a {@code table} or a part of one; cells are {@code td}, {@code th}, or {@code entry} of
   * CALS tables.
   */
  void read() throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        switch (cursor.name()) {
          case "tr", "row" -> readRow();
          case "caption", "title" -> out.line(content.flat());
          case "col", "colgroup", "colspec" -> cursor.skip();
          case "thead", "tbody", "tfoot" -> {
            Arrays.fill(rowsLeft, 0); // spans end with their group of rows
            read();
          }
          default -> read();
        }
      }
    }
  }

  private void readRow() throws IOException {
    List<String> cells = new ArrayList<>();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        addSpanned(cells);
        addCell(cells, span("colspan"), span("rowspan"), content.flat());
      }
    }
    addSpanned(cells);
    String line = String.join(" | ", cells);
    cursor.charge(line.length());
    out.line(line.isBlank() || line.replace("|", "").isBlank() ? "" : line.stripTrailing());
  }

  private void addSpanned(List<String> cells) {
    while (cells.size() < MAX_COLUMNS && rowsLeft[cells.size()] > 0) {
      rowsLeft[cells.size()]--;
      cells.add(spanned[cells.size()]);
    }
  }

  private void addCell(List<String> cells, int columns, int rows, String text) {
    for (int i = 0; i < columns; i++) {
      int column = cells.size();
      String value = i == 0 ? text : "";
      cells.add(value);
      if (column < MAX_COLUMNS) {
        spanned[column] = value;
        rowsLeft[column] = rows - 1;
      }
    }
  }

  private int span(String attribute) {
    String value = cursor.attribute(attribute);
    if (!value.matches("[0-9]{1,3}")) {
      return 1;
    }
    int span = Integer.parseInt(value);
    return span >= 1 && span <= MAX_COLUMNS ? span : 1;
  }
}
