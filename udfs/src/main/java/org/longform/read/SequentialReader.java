package org.longform.read;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.models.LoadedModel;
import org.longform.options.Options;

/**
 * Feeds a document from its beginning to its end, once, and answers every question from a fork of
 * what was read.
 */
public final class SequentialReader implements DocumentReader {
  private final Options callOptions;
  private final Supplier<LoadedModel> model;
  private final ReadCounters counters;

  /**
   * @param options what was set by the call and the conf; the model's own defaults come under them
   * @param model loads the model when first asked
   */
  public SequentialReader(Options options, Supplier<LoadedModel> model, ReadCounters counters) {
    this.callOptions = options;
    this.model = model;
    this.counters = counters;
  }

  @Override
  public List<Answer> read(ReadRequest request) {
    long started = System.nanoTime();
    List<Answer> answers = new ArrayList<>();
    AnswerHeader header = AnswerHeader.unknown(callOptions);
    try {
      LoadedModel loaded = model.get();
      Options options = loaded.generationConfig().defaults().and(callOptions);
      header = AnswerHeader.of(loaded, options, request.rowKey());
      requireText(request);
      try (Reading reading = new Reading(loaded, options, header, request, counters)) {
        reading.readDocument();
        for (String question : request.questions()) {
          answers.add(answerOne(reading, header, question, started));
        }
        counters.documentRead(reading.attendedTokens(), reading.peakKvBytes());
      }
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError | LinkageError e) {
      // a task that dies takes the rows beside it with it, so what can be said is said in the row
      failRest(request, header, answers, AnswerError.of(e), started);
    }
    return answers;
  }

  @Override
  public long countTokens(String text) {
    return model.get().tokenizer().count(text);
  }

  /** A question that fails does not take the others with it. */
  private Answer answerOne(Reading reading, AnswerHeader header, String question, long started) {
    try {
      return reading.answer(question, started);
    } catch (LongformException e) {
      counters.rowFailed();
      return header.failed(question, AnswerError.of(e), started);
    }
  }

  private void failRest(
      ReadRequest request,
      AnswerHeader header,
      List<Answer> answers,
      AnswerError error,
      long started) {
    while (answers.size() < request.questions().size()) {
      counters.rowFailed();
      answers.add(header.failed(request.questions().get(answers.size()), error, started));
    }
  }

  private static void requireText(ReadRequest request) {
    if (request.text().isBlank()) {
      throw new LongformException(
          ErrorClass.EMPTY_DOCUMENT,
          "Cannot read the document: it is empty (%d characters, all white space). Leave the row out or give it a text."
              .formatted(request.text().length()));
    }
  }
}
