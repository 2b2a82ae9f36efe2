package org.longform.spark.task;

import java.util.Arrays;
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
   *     would ignore, or task ask without a question
   */
  public static Task of(Optional<String> word, Optional<String> question) {
    Task task = word.map(StageTask::named).orElse(question.isPresent() ? Task.ASK : Task.SUMMARIZE);
    if (task == Task.ASK && question.orElse("").isBlank()) {
      throw invalid(
          "Cannot use task ask: the question is empty ('%s'). Call setQuestion.",
          question.orElse(""));
    }
    if (task != Task.ASK && question.isPresent()) {
      throw invalid(
          "Cannot use question '%s' with task %s: only task ask has a question. Leave it out or set task ask.",
          question.get(), task.word());
    }
    return task;
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
