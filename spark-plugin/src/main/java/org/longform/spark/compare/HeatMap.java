package org.longform.spark.compare;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Values from 0 to 1 in rows and columns, as shades with the numbers in them.
 *
 * @param columnsAre what the columns are: "tokens"
 */
record HeatMap(String title, String columnsAre, List<String> columns, List<Line> lines)
    implements Chart {
  private static final double CELL_WIDTH = 58;
  private static final double CELL_HEIGHT = 24;
  private static final double TOP = 46;
  private static final double MARGIN = 8;
  // of the font at its usual width
  private static final double CHARACTER = 6.8;
  private static final int LONGEST_LABEL = 34;

  /** A row of the map. */
  record Line(String label, List<Shade> shades) {}

  /**
   * One value.
   *
   * @param value empty where there is none
   * @param text in the cell
   * @param hint shown on hovering
   */
  record Shade(OptionalDouble value, String text, String hint) {}

  @Override
  public double width() {
    // a title is bolder than labels
    double heading = title.length() * CHARACTER * 1.15;
    return MARGIN + Math.max(left() + columns.size() * CELL_WIDTH, heading) + MARGIN;
  }

  @Override
  public double height() {
    return TOP + lines.size() * CELL_HEIGHT + MARGIN;
  }

  private double left() {
    int longest = lines.stream().mapToInt(line -> shortened(line.label()).length()).max().orElse(0);
    return MARGIN + Math.max(longest, columnsAre.length()) * CHARACTER;
  }

  private static String shortened(String label) {
    int length = label.codePointCount(0, label.length());
    return length <= LONGEST_LABEL
        ? label
        : label.substring(0, label.offsetByCodePoints(0, LONGEST_LABEL - 1)) + "…";
  }

  @Override
  public void draw(Markup out) {
    out.leaf("text", title, "class", "title", "x", MARGIN, "y", 18.0);
    out.leaf(
        "text", columnsAre, "class", "soft small", "x", left(), "y", 38.0, "text-anchor", "end");
    for (int column = 0; column < columns.size(); column++) {
      out.leaf(
          "text",
          columns.get(column),
          "class",
          "soft small",
          "x",
          x(column) + CELL_WIDTH / 2,
          "y",
          38.0,
          "text-anchor",
          "middle");
    }
    for (int row = 0; row < lines.size(); row++) {
      Line line = lines.get(row);
      double y = TOP + row * CELL_HEIGHT;
      out.leaf("text", shortened(line.label()), "x", left(), "y", y + 16, "text-anchor", "end");
      for (int column = 0; column < line.shades().size(); column++) {
        draw(out, line.shades().get(column), x(column), y);
      }
    }
  }

  private double x(int column) {
    return left() + MARGIN + column * CELL_WIDTH;
  }

  private static void draw(Markup out, Shade shade, double x, double y) {
    boolean known = shade.value().isPresent();
    int tone = known ? Style.shade(shade.value().getAsDouble()) : 0;
    out.open("g").leaf("title", shade.hint());
    out.empty(
        "rect",
        "class",
        known ? "h" + tone : "none",
        "x",
        x + 1,
        "y",
        y + 1,
        "width",
        CELL_WIDTH - 2,
        "height",
        CELL_HEIGHT - 2,
        "rx",
        2.0);
    out.leaf(
        "text",
        shade.text(),
        "class",
        known ? "small t" + tone : "small soft",
        "x",
        x + CELL_WIDTH / 2,
        "y",
        y + 16,
        "text-anchor",
        "middle");
    out.close();
  }
}
