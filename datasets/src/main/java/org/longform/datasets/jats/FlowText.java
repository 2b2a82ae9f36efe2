package org.longform.datasets.jats;

/**
 * Running text under construction: white space collapses, blocks are separated by a blank line,
 * lines of one block by a line feed.
 */
final class FlowText {
  private final StringBuilder out = new StringBuilder();
  private String separator = "";
  private boolean spaceDue;

  /** Adds inline text. */
  void text(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isWhitespace(c)
          || Character.isSpaceChar(c)) { // also spaces that are thin or do not break
        spaceDue = true;
      } else {
        open();
        out.append(c);
      }
    }
  }

  /** Adds text with its own white space, such as program code, as lines of its own. */
  void verbatim(String text) {
    String lines = text.stripTrailing();
    if (!lines.isBlank()) {
      breakLine();
      open();
      out.append(lines);
      breakLine();
    }
  }

  /** Adds a reference mark such as "[1]", with a space before it unless a bracket opens. */
  void mark(String mark) {
    if (out.length() > 0 && "([".indexOf(out.charAt(out.length() - 1)) < 0) {
      spaceDue = true;
    }
    text(mark);
  }

  /** What follows is a new block. */
  void breakBlock() {
    if (out.length() > 0) {
      separator = "\n\n";
    }
  }

  /** What follows is at least a new line. */
  void breakLine() {
    if (out.length() > 0 && separator.isEmpty()) {
      separator = "\n";
    }
  }

  /** Adds a block of finished text. */
  void block(String text) {
    breakBlock();
    line(text);
    breakBlock();
  }

  /** Adds a line of finished text. */
  void line(String text) {
    if (!text.isEmpty()) {
      breakLine();
      open();
      out.append(text);
      breakLine();
    }
  }

  /** Whether what follows begins a line. */
  boolean endsAtLine() {
    return out.length() == 0 || !separator.isEmpty();
  }

  int length() {
    return out.length();
  }

  @Override
  public String toString() {
    return out.toString();
  }

  private void open() {
    if (!separator.isEmpty()) {
      out.append(separator);
    } else if (spaceDue && out.length() > 0) {
      out.append(' ');
    }
    separator = "";
    spaceDue = false;
  }
}
