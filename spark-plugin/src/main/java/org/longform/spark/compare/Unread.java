package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Readings without a result, for the same reason.
 *
 * @param why a sentence
 * @param cells at least one
 */
record Unread(String why, List<Cell> cells) {
  Unread {
    cells = List.copyOf(cells);
  }

  /** One for each sentence, in the order in which they come first. */
  static List<Unread> of(List<Cell> failed) {
    Map<String, List<Cell>> byReason = new LinkedHashMap<>();
    failed.forEach(
        cell ->
            byReason.computeIfAbsent(cell.error().message(), why -> new ArrayList<>()).add(cell));
    return byReason.entrySet().stream()
        .map(entry -> new Unread(entry.getKey(), entry.getValue()))
        .toList();
  }

  /** Labels of the strategies. */
  List<String> strategies() {
    return cells.stream().map(Cell::strategy).distinct().toList();
  }

  /** Document and measure of one reading, or how many there are. */
  String readings() {
    if (cells.size() == 1) {
      Cell cell = cells.get(0);
      return cell.docId() + ", " + cell.key().measure().word();
    }
    return cells.size() + " readings";
  }
}
