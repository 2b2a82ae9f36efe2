package org.longform.spark.job.input;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** The questions that a JSON document carries. */
final class QuestionList {
  private QuestionList() {}

  /**
   * @param value a question, an object with a field {@code question}, or an array of these
   */
  static List<String> of(JsonNode value) {
    List<String> questions = new ArrayList<>();
    for (JsonNode each : value.isArray() ? value : List.of(value)) {
      String question = each.isObject() ? each.path("question").asText("") : each.asText("");
      if (!question.isBlank()) {
        questions.add(question);
      }
    }
    return questions;
  }
}
