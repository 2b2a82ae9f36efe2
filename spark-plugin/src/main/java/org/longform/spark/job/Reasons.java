package org.longform.spark.job;

import java.util.LinkedHashMap;
import java.util.Map;

/** Why rows have no value: each sentence once, with how many rows have it. */
final class Reasons {
  // sentences name documents, so there may be as many as rows
  private static final int TOLD = 5;

  private final Map<String, Long> rowsByReason = new LinkedHashMap<>();
  private long others;

  void add(String reason) {
    if (rowsByReason.containsKey(reason) || rowsByReason.size() < TOLD) {
      rowsByReason.merge(reason, 1L, Long::sum);
    } else {
      others++;
    }
  }

  /** A line for each of the first sentences, and one for how many other rows there are. */
  String text() {
    StringBuilder text = new StringBuilder();
    rowsByReason.forEach(
        // what a document is called must not move the cursor of a terminal
        (reason, rows) -> text.append(line(rows, reason.replaceAll("\\p{Cntrl}", " "))));
    if (others > 0) {
      text.append(line(others, "other reasons; the column 'error' of the table has them."));
    }
    return text.toString();
  }

  private static String line(long rows, String reason) {
    return "  %d %s: %s%n".formatted(rows, rows == 1 ? "row" : "rows", reason);
  }
}
