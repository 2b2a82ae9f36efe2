package org.longform.spark.job.input;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;

/** The questions that a JSON document carries. */
final class QuestionList {
  private static final ObjectMapper JSON = new ObjectMapper();

  private QuestionList() {}

  /**
   * @param value one question, or a JSON array of questions or of objects with a field {@code
   *     question}; null for none
   */
  static List<String> parse(String value) {
    if (value == null) {
      return List.of();
    }
    if (!value.stripLeading().startsWith("[") && !value.stripLeading().startsWith("{")) {
      return List.of(value);
    }
    try {
      List<String> questions = new ArrayList<>();
      JsonNode tree = JSON.readTree(value);
      for (JsonNode each : tree.isArray() ? tree : List.of(tree)) {
        String question = each.isObject() ? each.path("question").asText("") : each.asText("");
        if (!question.isBlank()) {
          questions.add(question);
        }
      }
      return questions;
    } catch (JsonProcessingException e) {
      return List.of(value); // a question may begin with a bracket
    }
  }
}
