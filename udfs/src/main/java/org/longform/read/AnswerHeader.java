package org.longform.read;

import java.util.List;
import java.util.Map;
import org.longform.generate.FinishReason;
import org.longform.generate.RowSeed;
import org.longform.kernels.error.ErrorClass;
import org.longform.models.LoadedModel;
import org.longform.options.ContextOptions;
import org.longform.options.GenerationOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.options.ReadingOptions;

/** What all answers of one reading have in common. */
record AnswerHeader(
    String method, String model, String modelRevision, long optionSeed, String rowKey) {

  /**
   * @param rowKey empty as long as it is not known
   */
  static AnswerHeader of(LoadedModel loaded, Options options, String rowKey) {
    return new AnswerHeader(
        ReadingOptions.method(options),
        loaded.location().name(),
        loaded.revision(),
        options.get(GenerationOptions.SEED),
        rowKey);
  }

  /** As much as is known where the model could not be loaded. */
  static AnswerHeader unknown(Options options) {
    return new AnswerHeader(
        options.get(ContextOptions.CONTEXT), options.get(ModelOptions.MODEL), "", 0, "");
  }

  AnswerHeader withRowKey(String known) {
    return new AnswerHeader(method, model, modelRevision, optionSeed, known);
  }

  /** The seed of one answer: the same whatever else is asked of the document, and wherever. */
  long seed(String question) {
    return RowSeed.of(optionSeed, rowKey + "\n" + question);
  }

  Answer failed(String question, AnswerError error, long startedNanos) {
    FinishReason reason =
        error.errorClass() == ErrorClass.CANCELLED ? FinishReason.CANCELLED : FinishReason.ERROR;
    return new Answer(
        null,
        error,
        reason.text(),
        0,
        0,
        0,
        false,
        method,
        model,
        modelRevision,
        seed(question),
        (System.nanoTime() - startedNanos) / 1_000_000,
        List.of(),
        RowTally.NONE,
        Map.of());
  }
}
