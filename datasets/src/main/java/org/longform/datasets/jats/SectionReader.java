package org.longform.datasets.jats;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.longform.datasets.jats.JatsSection.Part;

/**
 * Reads {@code body}, {@code back} and {@code floats-group} into a flat list of sections in the
 * order of the file.
 */
final class SectionReader {
  private final XmlCursor cursor;
  private final ContentReader content;
  private final List<JatsSection> sections = new ArrayList<>();

  SectionReader(XmlCursor cursor, ContentReader content) {
    this.cursor = cursor;
    this.content = content;
  }

  List<JatsSection> sections() {
    return sections;
  }

  /**
   * Reads the element the cursor has entered: its sections, and its own text as a section without
   * path.
   */
  void read(Part part) throws IOException {
    Draft outside = new Draft(part, List.of(), false);
    readContent(outside);
    outside.flush();
  }

  private void readContent(Draft draft) throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        cursor.charge(cursor.text().length());
        draft.text.text(cursor.text());
      } else {
        element(draft);
      }
    }
  }

  private void element(Draft draft) throws IOException {
    switch (cursor.name()) {
      case "title" -> draft.title(content.title());
      case "label" -> draft.label = content.flat();
      case "sec", "app", "ack", "notes", "glossary", "fn-group", "bio" -> {
        draft.flush(); // keeps the order of text and subsections
        Draft inner = new Draft(draft.part, draft.path(), true);
        readContent(inner);
        inner.flush();
      }
      case "app-group" -> readContent(draft);
      case "ref-list" -> cursor.skip();
      default -> content.element(draft.text);
    }
  }

  /** A section while it is read, or the text outside any section. */
  private final class Draft {
    private final Part part;
    private final List<String> parents;
    private final boolean insideSection;
    private String title = "";
    private String label = "";
    private FlowText text = new FlowText();
    private boolean written;

    Draft(Part part, List<String> parents, boolean insideSection) {
      this.part = part;
      this.parents = parents;
      this.insideSection = insideSection;
    }

    void title(String value) {
      if (insideSection) {
        title = value;
      } else {
        text.block(value);
      }
    }

    List<String> path() {
      if (!insideSection) {
        return parents;
      }
      List<String> path = new ArrayList<>(parents);
      path.add(title);
      return path;
    }

    /** Writes what has come so far; a titled section is written even without text of its own. */
    void flush() {
      String own = text.toString();
      if (!own.isEmpty() || (!title.isEmpty() && !written)) {
        sections.add(new JatsSection(part, path(), label, own));
        written = true;
      }
      text = new FlowText();
    }
  }
}
