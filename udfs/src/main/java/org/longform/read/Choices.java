package org.longform.read;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.generate.LabelScores;
import org.longform.generate.LabelTree;
import org.longform.grammar.Labels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;
import org.longform.tokenizer.Tokenizer;

/**
 * The values that an answer may have, each with the texts a model may write for it. A text counts
 * with a blank before it, too: some models begin their answers with one.
 */
final class Choices {
  private final List<String> values;
  private final List<List<String>> texts;

  private Choices(List<String> values, List<List<String>> texts) {
    this.values = values;
    this.texts = texts;
  }

  /**
   * @param question labels as a JSON array for {@link Task#CLASSIFY}
   * @throws LongformException INVALID_INPUT for labels that are none
   */
  static Choices of(Task task, String question) {
    if (task == Task.FILTER) {
      return new Choices(
          List.of("true", "false"), List.of(List.of("yes", "Yes"), List.of("no", "No")));
    }
    String verb = "classify";
    List<String> labels = Labels.checked(verb, Labels.ofJson(verb, question));
    return new Choices(labels, labels.stream().map(List::of).toList());
  }

  /**
   * How a model would write the values.
   *
   * @throws LongformException UNSUPPORTED_MODEL if it cannot write one, or two look alike to it
   */
  LabelTree tree(Tokenizer tokenizer) {
    LabelTree tree = new LabelTree(values.size());
    for (int value = 0; value < values.size(); value++) {
      for (String text : texts.get(value)) {
        for (String written : List.of(text, " " + text)) {
          add(tree, value, tokenizer, written);
        }
      }
    }
    return tree;
  }

  private void add(LabelTree tree, int value, Tokenizer tokenizer, String text) {
    int[] tokens = tokenizer.encode(text, Tokenizer.Place.CONTINUATION);
    if (tokens.length == 0 || tokenizer.decode(tokens).isBlank()) {
      throw refused(
          "the model's vocabulary has no tokens for label '%s'".formatted(values.get(value)));
    }
    int other = tree.add(value, tokens);
    if (other != value) {
      throw refused(
          "the model's vocabulary writes the labels '%s' and '%s' alike"
              .formatted(values.get(other), values.get(value)));
    }
  }

  private static LongformException refused(String why) {
    return new LongformException(
        ErrorClass.UNSUPPORTED_MODEL,
        "Cannot classify: %s. Use another label, or another model.".formatted(why));
  }

  Choice choice(LabelScores scores) {
    double[] found = scores.probabilities();
    Map<String, Double> probabilities = new LinkedHashMap<>();
    for (int value = 0; value < found.length; value++) {
      probabilities.put(values.get(value), found[value]);
    }
    return new Choice(values.get(scores.best()), scores.bestTokens().length, probabilities);
  }
}
