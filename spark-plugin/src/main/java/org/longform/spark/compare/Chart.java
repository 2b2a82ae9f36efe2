package org.longform.spark.compare;

/** A drawing that stands in the page or in a file of its own. */
interface Chart {
  String title();

  double width();

  double height();

  /** Writes the elements of the drawing; its left upper corner is at 0, 0. */
  void draw(Markup out);

  /** As an element of the page, which has the style sheet. */
  default Markup inline() {
    Markup out = open(new Markup());
    draw(out);
    return out.close();
  }

  /** As a file, with its own style sheet and background. */
  default String file() {
    Markup out = open(new Markup());
    out.leaf("style", Style.ofCharts());
    out.empty("rect", "class", "back", "width", "100%", "height", "100%");
    draw(out);
    return out.close().toString();
  }

  private Markup open(Markup out) {
    return out.open(
        "svg",
        "xmlns",
        "http://www.w3.org/2000/svg",
        "viewBox",
        "0 0 %.0f %.0f".formatted(width(), height()),
        "width",
        "%.0f".formatted(width()),
        "height",
        "%.0f".formatted(height()),
        "role",
        "img",
        "aria-label",
        title());
  }
}
