package org.longform.prompt;

/** What is done with a document. */
public enum Task {
  SUMMARIZE,
  ASK,
  GENERATE,
  PERPLEXITY;

  /** The word users write. */
  public String word() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
