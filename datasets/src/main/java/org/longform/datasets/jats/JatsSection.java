package org.longform.datasets.jats;

import java.util.List;

/**
 * The text directly in one section; subsections follow as sections of their own.
 *
 * @param part where the section stands
 * @param path titles from the top-level section down to this one; empty for text outside any
 *     section
 * @param label number of the section as printed, such as "2.1", or empty
 * @param text paragraphs separated by a blank line; empty if the section has only subsections
 */
public record JatsSection(Part part, List<String> path, String label, String text) {

  /** Where a section stands in the article. */
  public enum Part {
    BODY,
    /** Acknowledgements, appendices, notes; reference lists are left out. */
    BACK,
    /** Figures and tables which the file keeps behind the body. */
    FLOATS
  }

  public JatsSection {
    path = List.copyOf(path);
  }

  /** The own title, empty if there is none. */
  public String title() {
    return path.isEmpty() ? "" : path.get(path.size() - 1);
  }

  /** Label and title as a line of text, empty if there is neither. */
  public String heading() {
    return (label + " " + title()).strip();
  }
}
