package org.longform.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Checked lists of labels, written as JSON arrays of texts. */
public final class Labels {
  /** The most labels of a list. */
  public static final int MOST = 500;

  /** The most characters of a label. */
  public static final int LONGEST = 256;

  private static final int LONGEST_JSON = 1 << 20;

  private Labels() {}

  /**
   * The labels of a document's class. One that is there twice counts once.
   *
   * @param verb what is to be done with them, for the sentence of a refusal
   * @throws LongformException INVALID_INPUT if there is none, or one is blank or too long
   */
  public static List<String> checked(String verb, List<String> labels) {
    if (labels.isEmpty()) {
      throw invalid(verb, "there is no label", "Give at least one.");
    }
    Set<String> distinct = new LinkedHashSet<>();
    for (String label : labels) {
      if (label == null) {
        throw invalid(verb, "one of its labels is NULL", "Leave it out.");
      }
      if (label.isBlank()) {
        throw invalid(verb, "one of its labels is blank ('%s')".formatted(label), "Leave it out.");
      }
      if (label.length() > LONGEST || !JsonText.isWellFormed(label)) {
        throw invalid(
            verb,
            "label '%s' %s"
                .formatted(
                    shortened(label),
                    label.length() > LONGEST
                        ? "has %d characters, and %d are allowed".formatted(label.length(), LONGEST)
                        : "has half of a surrogate pair"),
            "Change it.");
      }
      distinct.add(label);
    }
    if (distinct.size() > MOST) {
      throw invalid(
          verb,
          "there are %d labels, and %d are allowed".formatted(distinct.size(), MOST),
          "Choose fewer.");
    }
    return List.copyOf(distinct);
  }

  /**
   * As {@link #checked}, for the fields of a struct: none may be there twice.
   *
   * @throws LongformException INVALID_INPUT, also where two are equal
   */
  public static List<String> distinct(String verb, List<String> labels) {
    List<String> checked = checked(verb, labels);
    if (checked.size() < labels.size()) {
      Set<String> seen = new LinkedHashSet<>();
      String twice = labels.stream().filter(each -> !seen.add(each)).findFirst().orElse("");
      throw invalid(
          verb, "label '%s' is there twice".formatted(shortened(twice)), "Give each label once.");
    }
    return checked;
  }

  /** The labels as a JSON array, which {@link #ofJson} reads. */
  public static String toJson(List<String> labels) {
    return labels.stream()
        .map(label -> label == null ? "null" : JsonText.quoted(label))
        .collect(Collectors.joining(",", "[", "]"));
  }

  /**
   * @throws LongformException INVALID_INPUT if it is no JSON array of texts
   */
  public static List<String> ofJson(String verb, String json) {
    JsonNode node = JsonSchema.read(json, LONGEST_JSON, why -> invalid(verb, why, "Correct it."));
    return ofJson(verb, node);
  }

  static List<String> ofJson(String verb, JsonNode array) {
    List<String> labels = new ArrayList<>();
    for (JsonNode each : array) {
      if (!each.isTextual() && !each.isNull()) {
        throw invalid(
            verb, "a label is no text but %s".formatted(shortened(each.toString())), "Give texts.");
      }
      labels.add(each.textValue());
    }
    if (!array.isArray()) {
      throw invalid(
          verb,
          "its labels are no JSON array but %s".formatted(shortened(array.toString())),
          "Give a JSON array of texts.");
    }
    return labels;
  }

  static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  private static LongformException invalid(String verb, String why, String remedy) {
    return new LongformException(
        ErrorClass.INVALID_INPUT, "Cannot %s: %s. %s".formatted(verb, why, remedy));
  }
}
