package org.longform.spark.job;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import picocli.CommandLine.Option;

/** Flags that say what is asked. */
final class QuestionArguments {
  @Option(
      names = "--question",
      paramLabel = "<question>",
      order = 20,
      description = "Asked of every document; may be given several times.")
  private List<String> questions = new ArrayList<>();

  @Option(
      names = {"--questions-column", "--question-column"},
      defaultValue = "",
      paramLabel = "<column>",
      order = 21,
      description =
          "Column with the documents' own questions: a text, an array of texts, or an array of"
              + " objects with a field 'question'.")
  private String column;

  List<String> questions() {
    return List.copyOf(questions);
  }

  String column() {
    return column;
  }

  void requireAny() {
    if (column.isEmpty() && questions.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot ask: there is no question. Give --question or --questions-column.");
    }
    if (questions.stream().anyMatch(String::isBlank)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '--question': it must not be empty. Give a question.");
    }
  }
}
