package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** The numbers of a comparison as tables of text. */
final class ComparisonTables {
  private final Comparison comparison;

  /** Head and rows; the first cell of a row names it. */
  record Table(String caption, List<String> head, List<List<String>> rows) {}

  ComparisonTables(Comparison comparison) {
    this.comparison = comparison;
  }

  /** One row for each strategy and length. */
  Table all() {
    List<List<String>> rows = new ArrayList<>();
    for (String strategy : comparison.strategies()) {
      for (long length : comparison.lengths()) {
        rows.add(
            List.of(
                strategy,
                Long.toString(length),
                share(comparison.share(strategy, length)),
                Figures.text(comparison.perplexity(strategy, length), Figures::number),
                seconds(strategy, length),
                attended(strategy, length),
                peak(strategy, length),
                Long.toString(comparison.failures(strategy, length))));
      }
    }
    return new Table(
        "All figures",
        List.of(
            "strategy",
            "tokens",
            "right answers",
            "perplexity",
            "time",
            "attended",
            "peak KV",
            "errors"),
        rows);
  }

  Table answersByLength() {
    return byLength(
        "Right answers, of all that were given",
        (strategy, length) -> share(comparison.share(strategy, length)));
  }

  Table timeByLength() {
    return byLength("Mean time for a document and its questions", this::seconds);
  }

  Table attendedByLength() {
    return byLength("Cached tokens attended to, mean of the documents", this::attended);
  }

  Table memoryByLength() {
    return byLength("Most memory for keys and values of a document", this::peak);
  }

  Table answersByDepth() {
    List<List<String>> rows = new ArrayList<>();
    for (String strategy : comparison.strategies()) {
      for (double depth : comparison.depths()) {
        List<String> row = new ArrayList<>(List.of(strategy, Figures.percent(depth)));
        comparison
            .lengths()
            .forEach(length -> row.add(share(comparison.share(strategy, length, depth))));
        rows.add(row);
      }
    }
    List<String> head = new ArrayList<>(List.of("strategy", "depth"));
    comparison.lengths().forEach(length -> head.add(length.toString()));
    return new Table("Right answers by depth of the fact and tokens of the document", head, rows);
  }

  Table perplexityByPosition() {
    return table(
        "Perplexity of the tokens up to a position",
        comparison.positions().stream().toList(),
        (strategy, end) -> Figures.text(comparison.perplexityAt(strategy, end), Figures::number));
  }

  private Table byLength(String caption, BiFunction<String, Long, String> cell) {
    return table(caption, comparison.lengths().stream().toList(), cell);
  }

  private Table table(String caption, List<Long> columns, BiFunction<String, Long, String> cell) {
    List<String> head = new ArrayList<>(List.of("strategy"));
    columns.forEach(column -> head.add(column.toString()));
    List<List<String>> rows = new ArrayList<>();
    for (String strategy : comparison.strategies()) {
      List<String> row = new ArrayList<>(List.of(strategy));
      columns.forEach(column -> row.add(cell.apply(strategy, column)));
      rows.add(row);
    }
    return new Table(caption, head, rows);
  }

  private String seconds(String strategy, long length) {
    return Figures.text(comparison.seconds(strategy, length), Figures::seconds);
  }

  private String attended(String strategy, long length) {
    return Figures.text(comparison.attendedTokens(strategy, length), Figures::count);
  }

  private String peak(String strategy, long length) {
    return Figures.text(comparison.peakKvBytes(strategy, length), Figures::bytes);
  }

  private static String share(Comparison.Share share) {
    String failed = share.failed() == 0 ? "" : ", %d failed".formatted(share.failed());
    return Figures.text(share.value(), Figures::percent)
        + (share.asked() == 0 ? "" : " of " + share.asked())
        + failed;
  }
}
