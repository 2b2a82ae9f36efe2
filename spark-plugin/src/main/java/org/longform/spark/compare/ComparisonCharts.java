package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.longform.spark.compare.Comparison.Share;
import org.longform.spark.compare.HeatMap.Shade;
import org.longform.spark.compare.LineChart.Axis;
import org.longform.spark.compare.LineChart.Marks;
import org.longform.spark.compare.LineChart.Point;
import org.longform.spark.compare.LineChart.Series;

/** The charts of a comparison. */
final class ComparisonCharts {
  private static final Axis LENGTH =
      new Axis("tokens of the document", Marks.BINARY, Figures::whole);

  private final Comparison comparison;

  ComparisonCharts(Comparison comparison) {
    this.comparison = comparison;
  }

  /** Those that make sense alone, by the names of their files. */
  Map<String, Chart> files() {
    Map<String, Chart> files = new LinkedHashMap<>();
    if (comparison.has(Measure.ANSWERS)) {
      files.put("answers-by-length.svg", answersByLength());
    }
    if (comparison.has(Measure.PERPLEXITY)) {
      files.put("perplexity-by-position.svg", perplexityByPosition());
    }
    files.put("time-by-length.svg", timeByLength());
    files.put("attended-by-length.svg", attendedByLength());
    files.put("memory-by-length.svg", memoryByLength());
    return files;
  }

  HeatMap answersByLength() {
    return new HeatMap(
        "Right answers by length of the document",
        "tokens",
        columns(),
        comparison.strategies().stream()
            .map(
                strategy ->
                    new HeatMap.Line(
                        strategy,
                        comparison.lengths().stream()
                            .map(
                                length ->
                                    shade(strategy, length, comparison.share(strategy, length)))
                            .toList()))
            .toList());
  }

  /** For one strategy: where the fact is, down, and the length of the document, across. */
  HeatMap answersByDepth(String strategy) {
    return new HeatMap(
        strategy,
        "depth \\ tokens",
        columns(),
        comparison.depths().stream()
            .map(
                depth ->
                    new HeatMap.Line(
                        Figures.percent(depth),
                        comparison.lengths().stream()
                            .map(
                                length ->
                                    shade(
                                        strategy,
                                        length,
                                        comparison.share(strategy, length, depth)))
                            .toList()))
            .toList());
  }

  private List<String> columns() {
    return comparison.lengths().stream().map(Object::toString).toList();
  }

  private Shade shade(String strategy, long length, Share share) {
    boolean failed = share.asked() == 0 && comparison.failures(strategy, length) > 0;
    return new Shade(
        share.value(),
        share.value().isPresent()
            ? Figures.percent(share.value().getAsDouble())
            : failed ? "error" : "–",
        "%s, %d tokens: %d of %d right, %d failed"
            .formatted(strategy, length, share.right(), share.asked(), share.failed()));
  }

  LineChart perplexityByPosition() {
    List<Series> series = new ArrayList<>();
    for (String strategy : comparison.strategies()) {
      List<Point> points = new ArrayList<>();
      for (long end : comparison.positions()) {
        comparison
            .perplexityAt(strategy, end)
            .ifPresent(perplexity -> points.add(new Point(end, perplexity)));
      }
      series.add(new Series(strategy, points));
    }
    return new LineChart(
        "Perplexity by position of the token",
        new Axis("position, up to", Marks.BINARY, Figures::whole),
        new Axis("perplexity", Marks.DECIMAL, Figures::number),
        series);
  }

  LineChart timeByLength() {
    return byLength(
        "Time for a document and its questions",
        new Axis("seconds", Marks.DECIMAL, Figures::number),
        comparison::seconds);
  }

  LineChart attendedByLength() {
    return byLength(
        "Cached tokens attended to, summed over blocks",
        new Axis("tokens", Marks.DECIMAL, Figures::count),
        comparison::attendedTokens);
  }

  LineChart memoryByLength() {
    return byLength(
        "Most memory for keys and values",
        new Axis("bytes", Marks.BINARY, Figures::bytes),
        comparison::peakKvBytes);
  }

  /** A figure of a strategy for documents of a length. */
  private interface Figure {
    OptionalDouble of(String strategy, long length);
  }

  private LineChart byLength(String title, Axis vertical, Figure figure) {
    List<Series> series = new ArrayList<>();
    for (String strategy : comparison.strategies()) {
      List<Point> points = new ArrayList<>();
      for (long length : comparison.lengths()) {
        OptionalDouble value = figure.of(strategy, length);
        // a logarithm has no place for nothing
        if (value.isPresent() && value.getAsDouble() > 0) {
          points.add(new Point(length, value.getAsDouble()));
        }
      }
      series.add(new Series(strategy, points));
    }
    return new LineChart(title, LENGTH, vertical, series);
  }
}
