package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;

/**
 * Lines over a horizontal axis of powers of two and a vertical one of powers of ten; names stand
 * beside the lines' ends, in the order of the lines there.
 */
record LineChart(String title, Axis x, Axis y, List<Series> series) implements Chart {
  private static final double LEFT = 72;
  private static final double TOP = 34;
  private static final double PLOT_WIDTH = 460;
  private static final double PLOT_HEIGHT = 250;
  private static final double BOTTOM = 46;
  // line and marker before a name, and the room of its characters
  private static final double BEFORE_NAME = 48;
  private static final double CHARACTER = 6.8;
  private static final double NAME_HEIGHT = 18;
  private static final int LONGEST_NAME = 32;
  // more marks than this would run into each other
  private static final int MOST_MARKS = 9;
  private static final double[] STEPS = {1, 2, 5};

  /**
   * @param label what the numbers are
   * @param format how they are written
   */
  record Axis(String label, Marks marks, DoubleFunction<String> format) {}

  /** Which round numbers are marked on the vertical axis. */
  enum Marks {
    /** 1, 2 and 5 times powers of ten. */
    DECIMAL,
    /** Powers of two. */
    BINARY
  }

  /** A line. Points have positive coordinates; of each the first is x. */
  record Series(String name, List<Point> points) {
    private double last() {
      return points.isEmpty() ? 0 : points.get(points.size() - 1).y();
    }
  }

  /** A place on the chart. */
  record Point(double x, double y) {}

  /** The logarithms between which an axis runs, and where they are on it. */
  private record Span(double low, double high, double start, double end) {
    static Span of(double[] values, double start, double end) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (double value : values) {
        low = Math.min(low, Math.log(value));
        high = Math.max(high, Math.log(value));
      }
      double rest = high - low < 1e-9 ? 0.5 : 0.04 * (high - low);
      return new Span(low - rest, high + rest, start, end);
    }

    double place(double value) {
      return start + (Math.log(value) - low) / (high - low) * (end - start);
    }

    boolean holds(double value) {
      return Math.log(value) >= low && Math.log(value) <= high;
    }
  }

  @Override
  public double width() {
    int longest = series.stream().mapToInt(each -> shortened(each.name()).length()).max().orElse(0);
    return LEFT + PLOT_WIDTH + BEFORE_NAME + longest * CHARACTER + 8;
  }

  @Override
  public double height() {
    return Math.max(TOP + PLOT_HEIGHT, TOP + NAME_HEIGHT * series.size()) + BOTTOM;
  }

  @Override
  public void draw(Markup out) {
    out.leaf("text", title, "class", "title", "x", 8.0, "y", 18.0);
    List<Point> points = series.stream().flatMap(each -> each.points().stream()).toList();
    if (points.isEmpty()) {
      out.leaf("text", "nothing was measured", "class", "soft", "x", LEFT, "y", TOP + 24);
      return;
    }
    Span across = Span.of(points.stream().mapToDouble(Point::x).toArray(), LEFT, LEFT + PLOT_WIDTH);
    Span up = Span.of(points.stream().mapToDouble(Point::y).toArray(), TOP + PLOT_HEIGHT, TOP);
    drawAxes(out, points, across, up);
    for (int i = 0; i < series.size(); i++) {
      drawLine(out, i, across, up);
    }
    drawNames(out);
  }

  private void drawAxes(Markup out, List<Point> points, Span across, Span up) {
    double bottom = TOP + PLOT_HEIGHT;
    double[] marks = points.stream().mapToDouble(Point::x).sorted().distinct().toArray();
    int each = (marks.length + MOST_MARKS - 1) / MOST_MARKS;
    for (int i = marks.length - 1; i >= 0; i -= each) {
      double at = across.place(marks[i]);
      out.empty("line", "class", "grid", "x1", at, "x2", at, "y1", TOP, "y2", bottom);
      out.leaf(
          "text",
          x.format().apply(marks[i]),
          "class",
          "small soft",
          "x",
          at,
          "y",
          bottom + 16,
          "text-anchor",
          "middle");
    }
    for (double mark : y.marks() == Marks.BINARY ? binary(up) : decimal(up)) {
      double at = up.place(mark);
      out.empty("line", "class", "grid", "x1", LEFT, "x2", LEFT + PLOT_WIDTH, "y1", at, "y2", at);
      out.leaf(
          "text",
          Figures.withoutZeros(y.format().apply(mark)),
          "class",
          "small soft",
          "x",
          LEFT - 6,
          "y",
          at + 4,
          "text-anchor",
          "end");
    }
    out.leaf(
        "text",
        x.label() + " → · ↑ " + y.label(),
        "class",
        "small soft",
        "x",
        LEFT,
        "y",
        bottom + 36);
  }

  private static List<Double> binary(Span span) {
    int low = (int) Math.ceil(span.low() / Math.log(2));
    int high = (int) Math.floor(span.high() / Math.log(2));
    int each = Math.max(1, (high - low + MOST_MARKS) / MOST_MARKS);
    List<Double> marks = new ArrayList<>();
    for (int power = low; power <= high; power += each) {
      marks.add(Math.pow(2, power));
    }
    return marks;
  }

  /** 1, 2 and 5 of each power of ten, or fewer where there are many powers. */
  private static List<Double> decimal(Span span) {
    int low = (int) Math.floor(span.low() / Math.log(10));
    int high = (int) Math.ceil(span.high() / Math.log(10));
    List<Double> marks = new ArrayList<>();
    for (int steps = STEPS.length; steps >= 1; steps--) {
      marks.clear();
      for (int power = low; power <= high; power++) {
        for (int i = 0; i < steps; i++) {
          double mark = STEPS[i] * Math.pow(10, power);
          if (span.holds(mark)) {
            marks.add(mark);
          }
        }
      }
      if (marks.size() <= MOST_MARKS) {
        break;
      }
    }
    return marks;
  }

  private void drawLine(Markup out, int index, Span across, Span up) {
    Series line = series.get(index);
    StringBuilder path = new StringBuilder();
    for (Point point : line.points()) {
      path.append(path.isEmpty() ? "M" : " L");
      path.append(
          String.format(Locale.ROOT, "%.1f %.1f", across.place(point.x()), up.place(point.y())));
    }
    if (path.isEmpty()) {
      return;
    }
    out.empty("path", "class", lineClass(index), "d", path);
    for (Point point : line.points()) {
      out.open("g")
          .leaf(
              "title",
              "%s: %s at %s"
                  .formatted(
                      line.name(), y.format().apply(point.y()), x.format().apply(point.x())));
      drawMarker(out, index, across.place(point.x()), up.place(point.y()));
      out.close();
    }
  }

  private static String lineClass(int index) {
    return "line c%d d%d".formatted(Style.colour(index), Style.dash(index));
  }

  /** Circle, square, triangle or diamond. */
  private static void drawMarker(Markup out, int index, double x, double y) {
    String colour = "m" + Style.colour(index);
    String shape =
        switch (index % 4) {
          case 1 -> "M-3.5 -3.5 h7 v7 h-7 z";
          case 2 -> "M0 -4.5 L4.2 3 L-4.2 3 z";
          case 3 -> "M0 -4.8 L4.8 0 L0 4.8 L-4.8 0 z";
          default -> "M-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 z";
        };
    out.empty(
        "path",
        "class",
        colour,
        "d",
        shape,
        "transform",
        String.format(Locale.ROOT, "translate(%.1f %.1f)", x, y));
  }

  private void drawNames(Markup out) {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < series.size(); i++) {
      order.add(i);
    }
    order.sort((one, other) -> Double.compare(series.get(other).last(), series.get(one).last()));
    double left = LEFT + PLOT_WIDTH + BEFORE_NAME - 32;
    for (int place = 0; place < order.size(); place++) {
      int index = order.get(place);
      double y = TOP + 8 + place * NAME_HEIGHT;
      out.empty("line", "class", lineClass(index), "x1", left, "x2", left + 24, "y1", y, "y2", y);
      drawMarker(out, index, left + 12, y);
      out.leaf("text", shortened(series.get(index).name()), "x", left + 32, "y", y + 4);
    }
  }

  private static String shortened(String name) {
    int length = name.codePointCount(0, name.length());
    return length <= LONGEST_NAME
        ? name
        : name.substring(0, name.offsetByCodePoints(0, LONGEST_NAME - 1)) + "…";
  }
}
