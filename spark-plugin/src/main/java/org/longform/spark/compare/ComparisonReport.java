package org.longform.spark.compare;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.spark.compare.ComparisonTables.Table;

/**
 * A comparison for people: text for a terminal, and files. The page needs no other file and no
 * network; browsers are told not to load or run anything.
 */
public final class ComparisonReport {
  /** Name of the page among {@link #files}. */
  public static final String PAGE = "comparison.html";

  // even if an escape were forgotten, nothing of it would run or be fetched
  private static final String ONLY_STYLES = "default-src 'none'; style-src 'unsafe-inline'";
  private static final int MOST_REASONS = 200;
  private static final int MOST_REASONS_IN_TEXT = 20;

  private final Comparison comparison;
  private final ComparisonTables tables;
  private final ComparisonCharts charts;

  public ComparisonReport(Comparison comparison) {
    this.comparison = comparison;
    this.tables = new ComparisonTables(comparison);
    this.charts = new ComparisonCharts(comparison);
  }

  /** Texts of files by their names: the page, and charts that stand alone. */
  public Map<String, String> files() {
    Map<String, String> files = new LinkedHashMap<>();
    files.put(PAGE, page());
    charts.files().forEach((name, chart) -> files.put("charts/" + name, chart.file()));
    return files;
  }

  /** The table of all figures for a terminal, and below why readings have no result. */
  public String text() {
    StringBuilder text = new StringBuilder();
    Table all = tables.all();
    int[] widths = widths(all);
    text.append(line(all.head(), widths));
    all.rows().forEach(row -> text.append(line(row, widths)));
    List<Unread> unread = Unread.of(comparison.failed());
    unread.stream()
        .limit(MOST_REASONS_IN_TEXT)
        .forEach(each -> text.append("%s%n".formatted(plain(sentence(each)))));
    if (unread.size() > MOST_REASONS_IN_TEXT) {
      text.append(
          "%d more reasons stand in the table of results.%n"
              .formatted(unread.size() - MOST_REASONS_IN_TEXT));
    }
    return text.toString();
  }

  private static String sentence(Unread unread) {
    List<String> strategies = unread.strategies();
    return "%s, %s: %s"
        .formatted(
            strategies.size() == 1 ? strategies.get(0) : strategies.size() + " strategies",
            unread.readings(),
            unread.why());
  }

  // what a document is called must not move the cursor of a terminal
  private static String plain(String text) {
    return text.replaceAll("\\p{Cntrl}", " ");
  }

  private static int[] widths(Table table) {
    int[] widths = table.head().stream().mapToInt(String::length).toArray();
    for (List<String> row : table.rows()) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    return widths;
  }

  private static String line(List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String format = i == 0 ? "%-" + widths[i] + "s" : "  %" + widths[i] + "s";
      line.append(format.formatted(plain(cells.get(i))));
    }
    return line.append(System.lineSeparator()).toString();
  }

  private String page() {
    Markup out = new Markup().doctype().open("html", "lang", "en").open("head");
    out.empty("meta", "charset", "utf-8");
    out.empty("meta", "http-equiv", "Content-Security-Policy", "content", ONLY_STYLES);
    out.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    out.leaf("title", "Longform: strategies compared");
    out.leaf("style", Style.ofCharts() + Style.ofPage());
    out.close().open("body");
    introduce(out);
    if (comparison.has(Measure.ANSWERS)) {
      section(
          out,
          "Right answers by length",
          rightMeans() + " Documents beyond the trained window are where strategies differ.",
          charts.answersByLength(),
          tables.answersByLength());
      depths(out);
    }
    if (comparison.has(Measure.PERPLEXITY)) {
      section(
          out,
          "Perplexity by position",
          "How surprising the tokens of the documents are, by their place; lower is better. Each point is over the "
              + "tokens of all documents that reach so far, scored as they were read.",
          charts.perplexityByPosition(),
          tables.perplexityByPosition());
    }
    section(
        out,
        "Time",
        "From the first token to the last answer, without loading the model. %s"
            .formatted(sharing()),
        charts.timeByLength(),
        tables.timeByLength());
    section(
        out,
        "Tokens attended to",
        "For each block the cached tokens that the strategy selects, in the layer that selects most, summed over the "
            + "document, its questions and the answers.",
        charts.attendedByLength(),
        tables.attendedByLength());
    section(
        out,
        "Memory",
        "Most bytes of keys and values that one document held at once. Both axes count in powers, so a line that rises "
            + "is memory that grows with the document.",
        charts.memoryByLength(),
        tables.memoryByLength());
    errors(out);
    out.leaf("h2", "All figures");
    table(out, tables.all());
    return out.close().close().toString();
  }

  private void introduce(Markup out) {
    out.leaf("h1", "Strategies compared");
    out.leaf(
        "p",
        "%d strategies read the same %d documents with the model %s, which was trained on %d tokens at once%s."
            .formatted(
                comparison.strategies().size(),
                comparison.documents(),
                comparison.setup().model(),
                comparison.setup().trainedWindow(),
                comparison.has(Measure.ANSWERS)
                    ? ", and answered the same %d questions".formatted(comparison.questions())
                    : ""));
  }

  private String rightMeans() {
    return switch (comparison.match()) {
      case EXACT -> "An answer is right if it is the expected one to the letter.";
      case CONTAINS -> "An answer is right if the expected one stands in it.";
    };
  }

  private String sharing() {
    int together = comparison.setup().together();
    return together == 1
        ? "Readings ran one after the other."
        : "Up to %d readings ran at the same time and shared the processor.".formatted(together);
  }

  /** A chart with its numbers beside it. */
  private static void section(Markup out, String title, String text, Chart chart, Table numbers) {
    out.leaf("h2", title).leaf("p", text).open("div", "class", "pair");
    out.open("div", "class", "wide").add(chart.inline()).close();
    table(out, numbers);
    out.close();
  }

  private void depths(Markup out) {
    if (comparison.depths().isEmpty()) {
      return;
    }
    out.leaf("h2", "Right answers by depth and length");
    out.leaf(
        "p",
        "Where the fact stands that the question asks for: 0 % is the beginning of the document, 100 % its end, right "
            + "before the question.");
    out.open("div", "class", "pair");
    for (String strategy : comparison.strategies()) {
      out.open("div", "class", "wide").add(charts.answersByDepth(strategy).inline()).close();
    }
    out.close();
    table(out, tables.answersByDepth());
  }

  private void errors(Markup out) {
    List<Unread> unread = Unread.of(comparison.failed());
    if (unread.isEmpty()) {
      return;
    }
    out.leaf("h2", "Errors");
    List<List<String>> rows =
        unread.stream()
            .limit(MOST_REASONS)
            .map(each -> List.of(String.join(", ", each.strategies()), each.readings(), each.why()))
            .toList();
    String caption =
        unread.size() > MOST_REASONS
            ? "The first %d reasons of %d; the table of results has all"
                .formatted(MOST_REASONS, unread.size())
            : "Readings without a result; the others are not affected";
    out.open("div", "class", "wide").open("table").leaf("caption", caption);
    head(out, List.of("strategies", "readings", "why"));
    out.open("tbody");
    for (List<String> row : rows) {
      out.open("tr");
      row.forEach(cell -> out.leaf("td", cell, "class", "words"));
      out.close();
    }
    out.close().close().close();
  }

  private static void table(Markup out, Table table) {
    out.open("div", "class", "wide").open("table").leaf("caption", table.caption());
    head(out, table.head());
    out.open("tbody");
    for (List<String> row : table.rows()) {
      out.open("tr");
      row.forEach(cell -> out.leaf("td", cell));
      out.close();
    }
    out.close().close().close();
  }

  private static void head(Markup out, List<String> names) {
    out.open("thead").open("tr");
    names.forEach(name -> out.leaf("th", name));
    out.close().close();
  }
}
