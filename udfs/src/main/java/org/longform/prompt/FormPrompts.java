package org.longform.prompt;

/** What is said to the model where its answer has a form. */
final class FormPrompts {
  private FormPrompts() {}

  /**
   * @param labels a JSON array
   */
  static String classify(String labels) {
    return "Which of these labels fits the text above best: %s? Answer with the label alone."
        .formatted(withoutBrackets(labels));
  }

  static String filter(String condition) {
    return "Is this true of the text above: %s Answer with yes or no."
        .formatted(sentence(condition));
  }

  /**
   * @param wanted a JSON array of labels, or a JSON schema
   */
  static String extract(String wanted) {
    return wanted.startsWith("[")
        ? "What does the text above say about %s? Answer with a JSON object that has these keys and the words of the text as values, null where it says nothing."
            .formatted(withoutBrackets(wanted))
        : "Extract from the text above what this JSON schema describes, from the text alone. Answer with one JSON object that fits the schema: %s"
            .formatted(wanted);
  }

  // the question is empty where only what stands before the document matters
  private static String withoutBrackets(String array) {
    String list = array.strip();
    return list.length() < 2
        ? list
        : list.substring(1, list.length() - 1).replace("\",\"", "\", \"");
  }

  private static String sentence(String condition) {
    String text = condition.strip();
    return text.isEmpty() || ".?!".indexOf(text.charAt(text.length() - 1)) >= 0 ? text : text + "?";
  }
}
