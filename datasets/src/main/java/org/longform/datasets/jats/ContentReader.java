package org.longform.datasets.jats;

import java.io.IOException;
import java.util.Set;
import java.util.regex.Pattern;

/** Turns mixed content (paragraphs, lists, figures, formulas, marks) into running text. */
final class ContentReader {
  private static final Set<String> REFERENCE_TYPES =
      Set.of("bibr", "fn", "table-fn", "corresp", "aff");
  private static final Pattern POWER = Pattern.compile("[-−–+]?[0-9].*");

  private final XmlCursor cursor;
  private final MathText math;
  private Marks marks = Marks.KEPT;
  private int openReferences;
  private int referencesRead;
  private boolean raisedInReference;

  /** What becomes of marks of footnotes. */
  private enum Marks {
    KEPT,
    LEFT_OUT
  }

  ContentReader(XmlCursor cursor) {
    this.cursor = cursor;
    this.math = new MathText(cursor);
  }

  /** The content of the element the cursor has entered, in blocks. */
  String blocks() throws IOException {
    FlowText out = new FlowText();
    readInto(out);
    return out.toString();
  }

  /** The content of the element the cursor has entered, as one line. */
  String flat() throws IOException {
    return blocks().replaceAll("\\s*\n\\s*", " ");
  }

  /** As {@link #flat}, without marks of footnotes: for titles. */
  String title() throws IOException {
    Marks before = marks;
    marks = Marks.LEFT_OUT;
    try {
      return flat();
    } finally {
      marks = before;
    }
  }

  void readInto(FlowText out) throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        String text = cursor.text();
        cursor.charge(text.length());
        out.text(text);
      } else {
        element(out);
      }
    }
  }

  /** Adds the element the cursor has entered. */
  void element(FlowText out) throws IOException {
    switch (cursor.name()) {
      case "xref" -> reference(out);
      case "sup" -> raised(out);
      case "break" -> {
        out.text(" ");
        cursor.skip();
      }
      case "p",
          "disp-quote",
          "verse-group",
          "speech",
          "ack",
          "list",
          "def-list",
          "glossary",
          "address",
          "question",
          "answer",
          "explanation" ->
          block(out);
      case "title", "subtitle", "verse-line", "attrib", "sig", "sig-block" -> out.block(flat());
      case "disp-formula", "disp-formula-group", "chem-struct-wrap" -> out.block(formula());
      case "inline-formula", "alternatives", "chem-struct" -> formulaOrOther(out);
      case "tex-math" -> out.text(math.tex());
      case "math" -> out.text(math.mathml());
      case "list-item", "def-item" -> item(out);
      case "fn" -> footnote(out);
      case "preformat", "code" -> out.verbatim(characters());
      case "fig",
          "table-wrap",
          "supplementary-material",
          "media",
          "fig-group",
          "table-wrap-group",
          "array",
          "boxed-text",
          "sec",
          "app",
          "statement" ->
          captioned(out);
      case "table", "tbody", "tgroup", "oasis" -> new TableText(cursor, this, out).read();
      case "ref-list",
          "graphic",
          "inline-graphic",
          "object-id",
          "alt-text",
          "long-desc",
          "permissions",
          "sec-meta",
          "related-article",
          "index-term",
          "kwd-group",
          "processing-meta" ->
          cursor.skip();
      default -> readInto(out);
    }
  }

  private void block(FlowText out) throws IOException {
    out.breakBlock();
    readInto(out);
    out.breakBlock();
  }

  // Label, title and caption are put on one line: "Figure 1. Growth. Mean of 12 plots."
  private void captioned(FlowText out) throws IOException {
    boolean rowsFollow = cursor.name().equals("table-wrap");
    out.breakBlock();
    StringBuilder head = new StringBuilder();
    FlowText rest = new FlowText();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        rest.text(cursor.text());
      } else {
        switch (cursor.name()) {
          case "label" -> addSentence(head, flat());
          case "title" -> addSentence(head, flat());
          case "caption" -> addSentence(head, caption());
          default -> element(rest);
        }
      }
    }
    out.line(head.toString());
    if (!rowsFollow) {
      out.breakBlock();
    }
    out.line(rest.toString());
    out.breakBlock();
  }

  private String caption() throws IOException {
    StringBuilder text = new StringBuilder();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        addSentence(text, cursor.text().strip());
      } else {
        FlowText part = new FlowText();
        element(part);
        addSentence(text, part.toString().replaceAll("\\s*\n\\s*", " "));
      }
    }
    return text.toString();
  }

  private static void addSentence(StringBuilder text, String sentence) {
    if (sentence.isEmpty()) {
      return;
    }
    if (text.length() > 0) {
      text.append(".:;?!".indexOf(text.charAt(text.length() - 1)) < 0 ? ". " : " ");
    }
    text.append(sentence);
  }

  private void item(FlowText out) throws IOException {
    boolean definition = cursor.name().equals("def-item");
    StringBuilder head = new StringBuilder();
    FlowText body = new FlowText();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        body.text(cursor.text());
      } else if (cursor.name().equals("label") || cursor.name().equals("term")) {
        head.append(head.length() > 0 ? " " : "").append(flat());
      } else {
        element(body);
      }
    }
    String mark = head.length() == 0 ? "- " : head + (definition ? ": " : " ");
    out.line(body.length() == 0 ? head.toString() : mark + body);
  }

  private void footnote(FlowText out) throws IOException {
    String text = noteText();
    if (out.length() > 0 && !out.endsAtLine()) {
      out.mark("(" + text + ")"); // a note in the middle of a sentence
    } else {
      out.line(text);
    }
  }

  private String noteText() throws IOException {
    FlowText text = new FlowText();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        text.text(cursor.text());
      } else if (cursor.name().equals("label")) {
        text.text(flat());
        text.text(" ");
      } else {
        text.text(flat());
        text.text(" ");
      }
    }
    return text.toString();
  }

  private void reference(FlowText out) throws IOException {
    boolean counted = REFERENCE_TYPES.contains(cursor.attribute("ref-type"));
    if (counted && marks == Marks.LEFT_OUT) {
      cursor.skip();
      return;
    }
    if (!counted) {
      readInto(out);
      return;
    }
    referencesRead++;
    openReferences++;
    boolean raisedBefore = raisedInReference;
    raisedInReference = false;
    String text = flat();
    openReferences--;
    if (raisedInReference) {
      out.mark(bracketed(text));
    } else {
      out.text(text);
    }
    raisedInReference = raisedBefore;
  }

  // A raised number is a reference mark, a power, or part of a word: "found [3]", "10^6", "1st".
  private void raised(FlowText out) throws IOException {
    int referencesBefore = referencesRead;
    String text = flat();
    if (openReferences > 0) {
      raisedInReference = true;
      out.text(text);
    } else if (referencesRead > referencesBefore) {
      out.mark(bracketed(text));
    } else {
      out.text(POWER.matcher(text).matches() ? "^" + text : text);
    }
  }

  private static String bracketed(String text) {
    String bare = text.replaceAll("[\\[\\]]", "").strip();
    return bare.isEmpty() ? "" : "[" + bare + "]";
  }

  private void formulaOrOther(FlowText out) throws IOException {
    String formula = formula();
    if (formula.indexOf('\n') >= 0) {
      out.line(formula); // not a formula but the rows of a table
    } else {
      out.text(formula);
    }
  }

  // Files give a formula in several notations side by side; one of them is enough, TeX first.
  private String formula() throws IOException {
    StringBuilder tex = new StringBuilder();
    StringBuilder mathml = new StringBuilder();
    FlowText rest = new FlowText();
    notations(tex, mathml, rest);
    rest.text(" ");
    String formula = tex.length() > 0 ? tex.toString() : mathml.toString();
    String other = rest.toString();
    return other.isEmpty() ? formula : formula.isEmpty() ? other : formula + " " + other;
  }

  private void notations(StringBuilder tex, StringBuilder mathml, FlowText rest)
      throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        rest.text(cursor.text());
      } else {
        switch (cursor.name()) {
          case "tex-math" -> addFormula(tex, math.tex());
          case "math" -> addFormula(mathml, math.mathml());
          case "alternatives", "textual-form" -> notations(tex, mathml, rest);
          default -> element(rest);
        }
      }
    }
  }

  private void addFormula(StringBuilder formulas, String formula) throws IOException {
    cursor.charge(formula.length());
    formulas.append(formulas.length() > 0 ? " " : "").append(formula);
  }

  private String characters() throws IOException {
    StringBuilder text = new StringBuilder();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      text.append(e == XmlCursor.Event.TEXT ? cursor.text() : characters());
    }
    cursor.charge(text.length());
    return text.toString();
  }
}
