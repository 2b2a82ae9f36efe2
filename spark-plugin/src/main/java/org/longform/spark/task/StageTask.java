package org.longform.spark.task;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.prompt.Task;

/** What a pipeline stage does with each document, as its parameters say. */
public final class StageTask {
  private StageTask() {}

  /**
   * The task named, or the one that follows from a question being there or not.
   *
   * @throws LongformException INVALID_OPTION for an unknown word, a question that another task
   *     would ignore, or task ask or filter without a question
   */
  public static Task of(Optional<String> word, Optional<String> question) {
    Task task = word.map(StageTask::named).orElse(question.isPresent() ? Task.ASK : Task.SUMMARIZE);
    boolean asks = task == Task.ASK || task == Task.FILTER;
    if (asks && question.orElse("").isBlank()) {
      throw invalid(
          "Cannot use task %s: the question is empty ('%s'). Call setQuestion.",
          task.word(), question.orElse(""));
    }
    if (!asks && question.isPresent()) {
      throw invalid(
          "Cannot use question '%s' with task %s: only task ask has a question. Leave it out or set task ask.",
          question.get(), task.word());
    }
    return task;
  }

  /**
   * What is asked of all documents alike: a list of labels or a schema; nothing for other tasks.
   *
   * @throws LongformException INVALID_OPTION where the task has none, or not one
   */
  public static List<Object> literals(
      Task task, Optional<List<String>> labels, Optional<String> schema) {
    boolean labelled = task == Task.CLASSIFY || task == Task.EXTRACT;
    if (labels.isPresent() && !labelled) {
      throw invalid(
          "Cannot use labels %s with task %s: only tasks classify and extract have labels. Leave them out or set another task.",
          labels.get(), task.word());
    }
    if (schema.isPresent() && task != Task.EXTRACT) {
      throw invalid(
          "Cannot use a schema with task %s: only task extract has one. Leave it out or set task extract.",
          task.word());
    }
    if (!labelled) {
      return List.of();
    }
    if (labels.isPresent() == schema.isPresent()) {
      throw invalid(
          "Cannot use task %s: it has %s. Call setLabels%s.",
          task.word(),
          labels.isPresent() ? "labels and a schema" : "no labels",
          task == Task.EXTRACT ? " or setSchema" : "");
    }
    return List.of(schema.<Object>map(text -> text).orElseGet(labels::get));
  }

  private static Task named(String word) {
    return Arrays.stream(Task.values())
        .filter(each -> each.word().equalsIgnoreCase(word))
        .findFirst()
        .orElseThrow(
            () ->
                invalid(
                    "Cannot use task '%s': it is unknown. Choose one of %s.",
                    word,
                    Arrays.stream(Task.values())
                        .map(Task::word)
                        .collect(Collectors.joining(", "))));
  }

  private static LongformException invalid(String sentence, Object... values) {
    return new LongformException(ErrorClass.INVALID_OPTION, sentence.formatted(values));
  }
}
