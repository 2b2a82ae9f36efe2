package org.longform.spark.ml;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.param.StringArrayParam;

/** The parameters of the stage that are not options: its columns and what it asks. */
record StageParams(
    Param<String> inputCol,
    Param<String> outputCol,
    Param<String> errorCol,
    Param<String> detailCol,
    Param<String> task,
    Param<String> question,
    StringArrayParam labels,
    Param<String> schema,
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
      Optional<List<String>> labels,
      Optional<String> schema,
      Optional<String> promptTemplate) {}

  StageParams(Params stage) {
    this(stage, stage.uid());
  }

  private StageParams(Params stage, String uid) {
    this(
        new Param<>(uid, "inputCol", "Column that holds the document."),
        new Param<>(uid, "outputCol", "Column to add for the answer."),
        new Param<>(uid, "errorCol", "Column to add for errors: a struct of class and message."),
        new Param<>(uid, "detailCol", "Column to add for all that is known of an answer."),
        new Param<>(
            uid,
            "task",
            "What to do: summarize, ask, classify, extract, filter, generate or perplexity."),
        new Param<>(
            uid,
            "question",
            "What is asked of each document, for task filter the condition; {column} is filled in."),
        new StringArrayParam(stage, "labels", "What task classify chooses from, or extract fills."),
        new Param<>(uid, "schema", "JSON schema of what task extract takes out of each document."),
        new Param<>(uid, "promptTemplate", "The whole prompt of a row; {column} is filled in."));
  }

  Param<?>[] all() {
    return new Param<?>[] {
      inputCol, outputCol, errorCol, detailCol, task, question, labels, schema, promptTemplate
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
        value(stage, labels).map(Arrays::asList),
        value(stage, schema),
        value(stage, promptTemplate));
  }

  private static <T> Optional<T> value(Params stage, Param<T> param) {
    return stage.isDefined(param) ? Optional.of(stage.getOrDefault(param)) : Optional.empty();
  }
}
