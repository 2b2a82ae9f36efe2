package org.longform.kernels.context;

/**
 * What a strategy keeps with its default parameters. The contract tests check every promise that is
 * made; who relies on one (reuse of a common prefix, memory budgets) asks for it here.
 */
public enum Promise {
  /** Equal to full attention on everything up to half the trained window. */
  FULL_WHEN_SHORT("Equal to full attention on everything up to half the trained window."),

  /** No distance between a query and a key it sees is larger than the trained window. */
  WITHIN_WINDOW("No distance is larger than the trained window."),

  /**
   * The length of the blocks changes nothing: each token sees the same others at the same
   * distances, read one by one or all at once. Decoding therefore equals prefill.
   */
  CHUNK_INVARIANT("The length of the blocks changes nothing, so decoding equals prefill."),

  /**
   * What a block sees does not depend on anything behind it, nor on the length of the prompt, so
   * that documents with a common beginning share its cache as far as whole blocks go.
   */
  PREFIX_STABLE(
      "What a token sees does not depend on what follows its block, so documents with a common beginning share its cache."),

  /** The number of tokens kept does not grow with the document. */
  BOUNDED_MEMORY("The number of tokens kept does not grow with the document.");

  private final String sentence;

  Promise(String sentence) {
    this.sentence = sentence;
  }

  /** The promise as users read it. */
  public String sentence() {
    return sentence;
  }
}
