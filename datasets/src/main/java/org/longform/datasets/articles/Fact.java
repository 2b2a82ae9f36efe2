package org.longform.datasets.articles;

/**
 * One stated fact of an article: "the sample size of the Veldra cohort was 4821".
 *
 * @param attribute what is stated, such as "sample size"
 * @param name the invented name, such as "Veldra"
 * @param kind what is named, such as "cohort"
 * @param value the value with its unit, such as "4821" or "57.3 years"
 * @param start offset of the sentence in the article, in UTF-16 code units (the text is ASCII)
 * @param end one past its last code unit
 * @param repeats how often the article states the fact again
 */
public record Fact(
    String attribute, String name, String kind, String value, long start, long end, int repeats) {

  /** The question only this fact answers. */
  public String question() {
    return "What was the %s of the %s %s?".formatted(attribute, name, kind);
  }

  /** The gold answer: the stating sentence without its lead. */
  public String answer() {
    return Sentences.capitalised(clause(attribute, name, kind, value)) + ".";
  }

  /** The suffix which asks the bundled model this question after the article. */
  public String prompt() {
    return "\n\nQuestion: " + question() + "\nAnswer:";
  }

  static String clause(String attribute, String name, String kind, String value) {
    return "the " + attribute + " of the " + name + " " + kind + " was " + value;
  }
}
