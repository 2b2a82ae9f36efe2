package org.longform.spark.compare;

/**
 * Colours and shapes, for light and dark screens. Series differ in colour (Okabe and Ito's, which
 * colour-blind people can tell apart), in marker and in dashes; shades go from the background to
 * blue, so lightness alone tells them apart.
 */
final class Style {
  /** Colours of series; the next ones begin again with other dashes. */
  static final int COLOURS = 8;

  /** Shades from nothing to all. */
  static final int SHADES = 11;

  private static final String[] LIGHT_SERIES = {
    "#0072b2", "#c04a00", "#00805c", "#a8508c", "#a06a00", "#2f8fd0", "#404040", "#7a5c2e"
  };
  private static final String[] DARK_SERIES = {
    "#5ab4f0", "#ff8c42", "#2ecc9b", "#e79ac6", "#f0b93a", "#9ad4ff", "#e0e0e0", "#c9a86a"
  };
  private static final String[] LIGHT_SHADES = {
    "#f3f8fd", "#e3eef9", "#cfe1f2", "#b5d4e9", "#93c3df", "#6daed5", "#4b97c9", "#2a76b3",
    "#1864aa", "#0a4a90", "#08306b"
  };
  private static final String[] DARK_SHADES = {
    "#16212c", "#183043", "#1a3f59", "#1c4e70", "#1f5e87", "#256e9e", "#2f80b5", "#4593c8",
    "#63a7d8", "#86bce6", "#add3f4"
  };

  // the first shade on which the ink of the other kind is easier to read
  private static final int LIGHT_TURN = 7;
  private static final int DARK_TURN = 6;

  private static final String[] DASHES = {"none", "7 4", "2 4", "9 3 2 3"};

  private Style() {}

  /**
   * Style sheet of charts. It has neither quotes nor angle brackets, which a page and a file would
   * read differently, and names nothing outside of itself.
   */
  static String ofCharts() {
    StringBuilder css = new StringBuilder();
    css.append(":root{color-scheme:light dark}");
    css.append(theme("#ffffff", "#1a1a1a", "#5a5a5a", "#d9d9d9", LIGHT_SERIES, LIGHT_SHADES));
    css.append(inks(LIGHT_TURN, "#111111", "#ffffff"));
    css.append("@media (prefers-color-scheme:dark){");
    css.append(theme("#14171a", "#ececec", "#a8a8a8", "#3a3f44", DARK_SERIES, DARK_SHADES));
    css.append(inks(DARK_TURN, "#f5f5f5", "#08121a"));
    css.append('}');
    css.append("svg text{font:12px system-ui,sans-serif;fill:var(--ink)}");
    css.append("svg .title{font-weight:600;font-size:13px}svg .soft{fill:var(--soft)}");
    css.append("svg .small{font-size:11px}svg .back{fill:var(--back)}");
    css.append("svg .grid{stroke:var(--rule);stroke-width:1}");
    css.append("svg .line{fill:none;stroke-width:2;stroke-linejoin:round}");
    css.append("svg .none{fill:none;stroke:var(--rule)}svg .bad{stroke:var(--soft)}");
    for (int i = 0; i < COLOURS; i++) {
      css.append("svg .c%1$d{stroke:var(--c%1$d)}svg .m%1$d{fill:var(--c%1$d)}".formatted(i));
    }
    for (int i = 0; i < SHADES; i++) {
      css.append("svg .h%1$d{fill:var(--h%1$d)}svg .t%1$d{fill:var(--t%1$d)}".formatted(i));
    }
    for (int i = 0; i < DASHES.length; i++) {
      css.append("svg .d%d{stroke-dasharray:%s}".formatted(i, DASHES[i]));
    }
    return css.toString();
  }

  /** Style sheet of the page around them. */
  static String ofPage() {
    return "body{margin:2rem auto;padding:0 1rem;max-width:72rem;background:var(--back);"
        + "color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
        + "h1,h2{line-height:1.2}h2{margin-top:2.5rem}p,li{max-width:50rem}"
        + ".pair{display:flex;flex-wrap:wrap;gap:1.5rem;align-items:flex-start}"
        + ".wide{overflow-x:auto;max-width:100%}"
        + "table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}"
        + "th,td{padding:.2rem .6rem;border-bottom:1px solid var(--rule);text-align:right;"
        + "vertical-align:top;unicode-bidi:isolate}"
        + "th:first-child,td:first-child,td.words{text-align:left}"
        + "td.words{max-width:40rem;overflow-wrap:anywhere}"
        + "caption{text-align:left;color:var(--soft);padding-bottom:.3rem}"
        + "svg{max-width:100%;height:auto}.soft{color:var(--soft)}";
  }

  private static String theme(
      String back, String ink, String soft, String rule, String[] series, String[] shades) {
    StringBuilder css =
        new StringBuilder(
            ":root{--back:%s;--ink:%s;--soft:%s;--rule:%s".formatted(back, ink, soft, rule));
    for (int i = 0; i < COLOURS; i++) {
      css.append(";--c%d:%s".formatted(i, series[i]));
    }
    for (int i = 0; i < SHADES; i++) {
      css.append(";--h%d:%s".formatted(i, shades[i]));
    }
    return css.append('}').toString();
  }

  private static String inks(int turn, String before, String after) {
    StringBuilder css = new StringBuilder(":root{");
    for (int i = 0; i < SHADES; i++) {
      css.append("--t%d:%s;".formatted(i, i < turn ? before : after));
    }
    return css.append('}').toString();
  }

  static int colour(int series) {
    return series % COLOURS;
  }

  static int dash(int series) {
    return series / COLOURS % DASHES.length;
  }

  /** Shade of a value from 0 to 1. */
  static int shade(double value) {
    return (int) Math.rint(Math.max(0, Math.min(1, value)) * (SHADES - 1));
  }
}
