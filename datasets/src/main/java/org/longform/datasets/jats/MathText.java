package org.longform.datasets.jats;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Formulas as a line of text: TeX where the file has it, else MathML spelled out. */
final class MathText {
  private final XmlCursor cursor;

  MathText(XmlCursor cursor) {
    this.cursor = cursor;
  }

  /** The source of a {@code tex-math} element without its document frame and dollar signs. */
  String tex() throws IOException {
    String source = characters();
    int begin = source.indexOf("\\begin{document}");
    if (begin >= 0) {
      source = source.substring(begin + "\\begin{document}".length());
    }
    int end = source.indexOf("\\end{document}");
    if (end >= 0) {
      source = source.substring(0, end);
    }
    String formula = source.replaceAll("\\s+", " ").strip();
    while (formula.length() > 1 && formula.startsWith("$") && formula.endsWith("$")) {
      formula = formula.substring(1, formula.length() - 1).strip();
    }
    return formula;
  }

  /** A MathML element, such as "(a+b)/2" for a fraction. */
  String mathml() throws IOException {
    String name = cursor.name();
    List<String> parts = new ArrayList<>();
    StringBuilder own = new StringBuilder();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        own.append(cursor.text());
      } else if (cursor.name().startsWith("annotation")) {
        cursor.skip(); // the same formula once more in another notation
      } else {
        parts.add(mathml());
      }
    }
    String text = own.toString().replaceAll("\\s+", " ").strip();
    return spelled(name, text, parts);
  }

  private static String spelled(String name, String own, List<String> parts) {
    boolean two = parts.size() == 2;
    return switch (name) {
      case "mfrac" ->
          two ? grouped(parts.get(0)) + "/" + grouped(parts.get(1)) : joined(own, parts);
      case "msup", "mover" -> two ? parts.get(0) + "^" + grouped(parts.get(1)) : joined(own, parts);
      case "msub", "munder" ->
          two ? parts.get(0) + "_" + grouped(parts.get(1)) : joined(own, parts);
      case "msubsup", "munderover" ->
          parts.size() == 3
              ? parts.get(0) + "_" + grouped(parts.get(1)) + "^" + grouped(parts.get(2))
              : joined(own, parts);
      case "msqrt" -> "sqrt(" + joined(own, parts) + ")";
      case "mroot" -> two ? "root(" + parts.get(0) + ", " + parts.get(1) + ")" : joined(own, parts);
      case "mfenced" -> "(" + String.join(", ", parts) + ")";
      case "mtable" -> String.join("; ", parts);
      case "mtr" -> String.join(", ", parts);
      case "mspace" -> " ";
      default -> joined(own, parts);
    };
  }

  private static String joined(String own, List<String> parts) {
    return own + String.join("", parts);
  }

  private static String grouped(String text) {
    return text.codePoints().allMatch(c -> Character.isLetterOrDigit(c) || c == '.')
        ? text
        : "(" + text + ")";
  }

  private String characters() throws IOException {
    StringBuilder text = new StringBuilder();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      text.append(e == XmlCursor.Event.TEXT ? cursor.text() : characters());
    }
    return text.toString();
  }
}
