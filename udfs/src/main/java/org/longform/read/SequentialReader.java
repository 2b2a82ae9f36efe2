package org.longform.read;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.longform.kernels.cache.KvMemory;
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
  private final KvMemory kvMemory;
  private final ReadCounters counters;

  /**
   * @param options what was set by the call and the conf; the model's own defaults come under them
   * @param model loads the model when first asked
   * @param kvMemory for keys and values, shared with other readers
   */
  public SequentialReader(
      Options options, Supplier<LoadedModel> model, KvMemory kvMemory, ReadCounters counters) {
    this.callOptions = options;
    this.model = model;
    this.kvMemory = kvMemory;
    this.counters = counters;
  }

  @Override
  public List<Answer> read(ReadRequest request) {
    Ask ask = new Ask(request.task(), request.questions(), callOptions);
    return read(request.text(), request.rowKey(), List.of(ask), request.listener()).get(0);
  }

  /**
   * Several things asked of one document.
   *
   * @param asks all of one {@link ReadingKey}, that of this reader's options
   * @return for each the answers to its questions; failures are data
   */
  public List<List<Answer>> read(
      String text, String rowKey, List<Ask> asks, ReadListener listener) {
    return read(DocumentSource.of(text, rowKey), asks, listener);
  }

  /** As {@link #read(String, String, List, ReadListener)}, wherever the document comes from. */
  public List<List<Answer>> read(DocumentSource source, List<Ask> asks, ReadListener listener) {
    long started = System.nanoTime();
    List<List<Answer>> all = new ArrayList<>();
    asks.forEach(ask -> all.add(new ArrayList<>()));
    Document document = new Document(source, listener);
    List<AnswerHeader> headers = new ArrayList<>();
    asks.forEach(ask -> headers.add(AnswerHeader.unknown(ask.options())));
    try {
      LoadedModel loaded = model.get();
      listener.modelReady(System.nanoTime() - started);
      List<Ask> complete = new ArrayList<>();
      for (Ask ask : asks) {
        Options options = loaded.generationConfig().defaults().and(ask.options());
        headers.set(complete.size(), AnswerHeader.of(loaded, options, source.rowKey().orElse("")));
        complete.add(new Ask(ask.task(), ask.questions(), options));
      }
      if (Reading.dependsOnQuestion(loaded, complete.get(0).options())) {
        if (complete.size() > 1) {
          source.keep();
        }
        for (int i = 0; i < complete.size(); i++) {
          answer(
              loaded,
              document,
              complete.subList(i, i + 1),
              headers.subList(i, i + 1),
              all.subList(i, i + 1),
              started);
        }
      } else {
        answer(loaded, document, complete, headers, all, started);
      }
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError | LinkageError e) {
      // a task that dies takes the rows beside it with it, so what can be said is said in the row
      failRest(asks, headers, all, document, AnswerError.of(e), started);
    }
    return all;
  }

  /** One reading of the document, and the answers to all that is asked of it. */
  private void answer(
      LoadedModel loaded,
      Document document,
      List<Ask> asks,
      List<AnswerHeader> headers,
      List<List<Answer>> answers,
      long started) {
    try (Reading reading = new Reading(loaded, document, asks, kvMemory, counters)) {
      reading.readDocument();
      reading.rowKey().ifPresent(key -> headers.replaceAll(header -> header.withRowKey(key)));
      for (int i = 0; i < asks.size(); i++) {
        for (String question : asks.get(i).questions()) {
          answers.get(i).add(answerOne(reading, asks.get(i), headers.get(i), question, started));
        }
      }
      counters.documentRead(
          reading.attendedTokens(), reading.peakKvBytes(), reading.peakKvDiskBytes());
      document.listener().documentRead(reading.attendedTokens(), reading.peakKvBytes());
    }
  }

  @Override
  public long countTokens(String text) {
    return model.get().tokenizer().count(text);
  }

  /** A question that fails does not take the others with it. */
  private Answer answerOne(
      Reading reading, Ask ask, AnswerHeader header, String question, long started) {
    try {
      return reading.answer(ask, header, question, started);
    } catch (LongformException e) {
      counters.rowFailed();
      reading.listener().answerFailed();
      return header.failed(question, AnswerError.of(e), started);
    }
  }

  private void failRest(
      List<Ask> asks,
      List<AnswerHeader> headers,
      List<List<Answer>> all,
      Document document,
      AnswerError error,
      long started) {
    for (int i = 0; i < asks.size(); i++) {
      List<String> questions = asks.get(i).questions();
      List<Answer> answers = all.get(i);
      while (answers.size() < questions.size()) {
        counters.rowFailed();
        document.listener().answerFailed();
        answers.add(headers.get(i).failed(questions.get(answers.size()), error, started));
      }
    }
  }
}
