package org.longform.spark.ml;

import java.io.Serializable;
import java.util.Optional;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;

/** The parameters of the stage that are not options: its columns and what it asks. */
record StageParams(
    Param<String> inputCol,
    Param<String> outputCol,
    Param<String> errorCol,
    Param<String> detailCol,
    Param<String> task,
    Param<String> question,
    Param<String> promptTemplate)
    implements Serializable {

  /** What was set on a stage. */
  record Values(
      Optional<String> inputCol,
      String outputCol,
      String errorCol,
      Optional<String> detailCol,
      Optional<String> task,
      Optional<String> question,
      Optional<String> promptTemplate) {}

  StageParams(String uid) {
    this(
        new Param<>(uid, "inputCol", "Column that holds the document."),
        new Param<>(uid, "outputCol", "Column to add for the answer."),
        new Param<>(uid, "errorCol", "Column to add for errors: a struct of class and message."),
        new Param<>(uid, "detailCol", "Column to add for all that is known of an answer."),
        new Param<>(uid, "task", "What to do: summarize, ask, generate or perplexity."),
        new Param<>(uid, "question", "What is asked of each document; {column} is filled in."),
        new Param<>(uid, "promptTemplate", "The whole prompt of a row; {column} is filled in."));
  }

  Param<?>[] all() {
    return new Param<?>[] {
      inputCol, outputCol, errorCol, detailCol, task, question, promptTemplate
    };
  }

  Values of(LongDocumentTransformer stage) {
    return new Values(
        value(stage, inputCol),
        stage.getOutputCol(),
        stage.getErrorCol(),
        value(stage, detailCol),
        value(stage, task),
        value(stage, question),
        value(stage, promptTemplate));
  }

  private static Optional<String> value(Params stage, Param<String> param) {
    return stage.isDefined(param) ? Optional.of(stage.getOrDefault(param)) : Optional.empty();
  }
}
