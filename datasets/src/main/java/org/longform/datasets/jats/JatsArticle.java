package org.longform.datasets.jats;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One article as plain text.
 *
 * @param metadata front matter
 * @param abstracts texts by type in the order of the file; {@link #MAIN_ABSTRACT} is the abstract
 *     proper, others are such as "executive-summary" or "toc"
 * @param sections all sections in the order of the file
 * @param subArticles decision letters, replies and translations which travel in the same file
 */
public record JatsArticle(
    JatsMetadata metadata,
    Map<String, String> abstracts,
    List<JatsSection> sections,
    List<JatsArticle> subArticles) {

  /** Type of the abstract proper, which has none in the file. */
  public static final String MAIN_ABSTRACT = "main";

  public JatsArticle {
    abstracts = Collections.unmodifiableMap(new LinkedHashMap<>(abstracts));
    sections = List.copyOf(sections);
    subArticles = List.copyOf(subArticles);
  }

  public String docId() {
    return metadata.docId();
  }

  public String title() {
    return metadata.title();
  }

  /** The abstract proper, empty if there is none; never part of the body or the reading text. */
  public String abstractText() {
    return abstracts.getOrDefault(MAIN_ABSTRACT, "");
  }

  /** Sections of the body with their headings, then figures and tables kept behind the body. */
  public String bodyText() {
    List<String> blocks = new ArrayList<>();
    addSections(blocks, JatsSection.Part.BODY);
    addSections(blocks, JatsSection.Part.FLOATS);
    return String.join("\n\n", blocks);
  }

  /**
   * What a reader reads: title, body, figures and tables, back matter without the references; not
   * the abstract.
   */
  public String readingText() {
    List<String> blocks = new ArrayList<>();
    addBlock(blocks, title());
    for (JatsSection.Part part :
        List.of(JatsSection.Part.BODY, JatsSection.Part.FLOATS, JatsSection.Part.BACK)) {
      addSections(blocks, part);
    }
    return String.join("\n\n", blocks);
  }

  private void addSections(List<String> blocks, JatsSection.Part part) {
    for (JatsSection section : sections) {
      if (section.part() == part) {
        addBlock(blocks, section.heading());
        addBlock(blocks, section.text());
      }
    }
  }

  private static void addBlock(List<String> blocks, String text) {
    if (!text.isEmpty()) {
      blocks.add(text);
    }
  }
}
