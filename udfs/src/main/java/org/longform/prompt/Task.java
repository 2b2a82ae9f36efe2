package org.longform.prompt;

/** What is done with a document. */
public enum Task {
  SUMMARIZE,
  /** The question is any text. */
  ASK,
  GENERATE,
  PERPLEXITY,
  /** The question is a JSON array of labels, of which the answer is one. */
  CLASSIFY,
  /** The question is a JSON array of labels or a JSON schema, and the answer JSON that fits it. */
  EXTRACT,
  /** The question is a statement, and the answer true or false. */
  FILTER;

  /** Whether the answer is one of a few texts, the most probable one. */
  public boolean chooses() {
    return this == CLASSIFY || this == FILTER;
  }

  /** Whether something must be asked. */
  public boolean asks() {
    return this == ASK || this == EXTRACT || chooses();
  }

  /** The word users write. */
  public String word() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
