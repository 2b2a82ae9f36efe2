package org.longform.read;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.models.FurtherModels;
import org.longform.models.LoadedModel;
import org.longform.options.Options;
import org.longform.options.ReadingOptions;
import org.longform.prompt.Task;

/**
 * Reads a document from its beginning to its end, once or, where it is read for a question, once
 * for each, and answers every question from a fork of what was read.
 */
public final class SequentialReader implements DocumentReader {
  /** What happened to one question would happen to the next. */
  private static final Set<ErrorClass> ENDS_ROW =
      EnumSet.of(ErrorClass.CANCELLED, ErrorClass.ROW_TIMEOUT, ErrorClass.EMPTY_DOCUMENT);

  private final Options callOptions;
  private final Function<BooleanSupplier, LoadedModel> model;
  private final FurtherModels furtherModels;
  private final KvMemory kvMemory;
  private final ReadCounters counters;
  // of the model that read last: nearly always the only one
  private volatile ReadingSetup lastSetup;

  /**
   * @param options what was set by the call and the conf; the model's own defaults come under them
   * @param model loads the model when first asked, unless the caller cancels that
   * @param furtherModels for decoding strategies that have a second model
   * @param kvMemory for keys and values, shared with other readers
   */
  public SequentialReader(
      Options options,
      Function<BooleanSupplier, LoadedModel> model,
      FurtherModels furtherModels,
      KvMemory kvMemory,
      ReadCounters counters) {
    this.callOptions = options;
    this.model = model;
    this.furtherModels = furtherModels;
    this.kvMemory = kvMemory;
    this.counters = counters;
  }

  @Override
  public List<Answer> read(ReadRequest request) {
    Ask ask = new Ask(request.task(), request.questions(), callOptions);
    Document document =
        new Document(
            DocumentSource.of(request.text(), request.rowKey()),
            request.listener(),
            request.checkpoint(),
            new RowClock());
    return read(document, List.of(ask)).get(0);
  }

  /**
   * Several things asked of one document.
   *
   * @param asks all of one {@link ReadingKey}, that of this reader's options
   * @param clock of the row, which may have several readings
   * @return for each the answers to its questions; failures are data
   */
  public List<List<Answer>> read(
      DocumentSource source, List<Ask> asks, ReadListener listener, RowClock clock) {
    return read(new Document(source, listener, CheckpointPlace.NONE, clock), asks);
  }

  private List<List<Answer>> read(Document document, List<Ask> asks) {
    long started = System.nanoTime();
    List<List<Answer>> all = new ArrayList<>();
    asks.forEach(ask -> all.add(new ArrayList<>()));
    List<AnswerHeader> headers = new ArrayList<>();
    asks.forEach(ask -> headers.add(AnswerHeader.unknown(ask.options())));
    try {
      LoadedModel loaded = model.apply(document.listener()::cancelled);
      long waited = System.nanoTime() - started;
      document.listener().modelReady(waited);
      document.clock().exclude(waited);
      List<Ask> complete = new ArrayList<>();
      for (Ask ask : asks) {
        Options options = loaded.generationConfig().defaults().and(ask.options());
        String key = document.source().rowKey().orElse("");
        headers.set(complete.size(), AnswerHeader.of(loaded, options, key));
        complete.add(new Ask(ask.task(), ask.questions(), options));
      }
      ReadingSetup setup = setup(loaded);
      if (ReadingOptions.strategy(callOptions).readsForQuestion()) {
        if (!answerEach(setup, document, complete, headers, all, started)) {
          return all;
        }
      } else if (setup.context().example().dependsOnPromptLength()) {
        if (complete.size() > 1) {
          document.source().keep();
        }
        for (int i = 0; i < complete.size(); i++) {
          answer(
              setup,
              document,
              complete.subList(i, i + 1),
              headers.subList(i, i + 1),
              all.subList(i, i + 1),
              started);
        }
      } else {
        answer(setup, document, complete, headers, all, started);
      }
      counters.documentRead();
      document.listener().documentRead();
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError | LinkageError e) {
      // a task that dies takes the rows beside it with it, so what can be said is said in the row
      failRest(asks, headers, all, document, AnswerError.of(e), started);
    }
    return all;
  }

  private ReadingSetup setup(LoadedModel loaded) {
    ReadingSetup known = lastSetup;
    if (known == null || !known.model().equals(loaded)) {
      known =
          new ReadingSetup(
              loaded,
              Writing.context(loaded.decoder(), loaded.tokenizer(), callOptions),
              furtherModels,
              kvMemory,
              counters);
      lastSetup = known;
    }
    return known;
  }

  /** One reading of the document, and the answers to all that is asked of it. */
  private void answer(
      ReadingSetup setup,
      Document document,
      List<Ask> asks,
      List<AnswerHeader> headers,
      List<List<Answer>> answers,
      long started) {
    try (Reading reading = new Reading(setup, document, asks)) {
      reading.readDocument();
      reading.rowKey().ifPresent(key -> headers.replaceAll(header -> header.withRowKey(key)));
      List<Question> questions = new ArrayList<>();
      for (int i = 0; i < asks.size(); i++) {
        for (String question : asks.get(i).questions()) {
          questions.add(new Question(asks.get(i), headers.get(i), question, answers.get(i)));
        }
      }
      for (int from = 0; from < questions.size(); ) {
        List<Question> rest = questions.subList(from, questions.size());
        List<Question> together = rest.subList(0, reading.answeredAtOnce(rest));
        answerTogether(reading, together, started);
        from += together.size();
      }
    }
  }

  /**
   * A reading for each question; one that fails does not take the others with it. Answers whether
   * the document was read to its end at all.
   */
  private boolean answerEach(
      ReadingSetup setup,
      Document document,
      List<Ask> asks,
      List<AnswerHeader> headers,
      List<List<Answer>> answers,
      long started) {
    if (asks.stream().mapToInt(ask -> ask.questions().size()).sum() > 1) {
      document.source().keep();
    }
    boolean any = false;
    for (int i = 0; i < asks.size(); i++) {
      for (String question : asks.get(i).questions()) {
        Ask one = new Ask(asks.get(i).task(), List.of(question), asks.get(i).options());
        try {
          answer(
              setup,
              document,
              List.of(one),
              headers.subList(i, i + 1),
              answers.subList(i, i + 1),
              started);
          any = true;
        } catch (LongformException e) {
          AnswerError error = AnswerError.of(e);
          if (ENDS_ROW.contains(error.errorClass())) {
            throw e;
          }
          answers.get(i).add(failed(headers.get(i), question, error, document.listener(), started));
        }
      }
    }
    return any;
  }

  @Override
  public long countTokens(String text) {
    return model.apply(() -> false).tokenizer().count(text);
  }

  /** A question that fails does not take the others with it. */
  private void answerTogether(Reading reading, List<Question> questions, long started) {
    if (questions.get(0).ask().task() == Task.PERPLEXITY) {
      questions.forEach(
          each -> answerOne(reading, each, () -> reading.perplexity(each, started), started));
      return;
    }
    List<Answering> written = reading.write(questions);
    for (int i = 0; i < questions.size(); i++) {
      Question question = questions.get(i);
      // what several forks have no room for, one may have
      Answering one =
          questions.size() > 1 && written.get(i).lacksMemory()
              ? reading.write(List.of(question)).get(0)
              : written.get(i);
      answerOne(reading, question, () -> one.answer(started), started);
    }
  }

  private void answerOne(
      Reading reading, Question question, Supplier<Answer> answer, long started) {
    Answer given;
    try {
      given = answer.get();
    } catch (LongformException e) {
      AnswerError error = AnswerError.of(e);
      given = failed(question.header(), question.text(), error, reading.listener(), started);
    }
    question.answers().add(given);
  }

  private Answer failed(
      AnswerHeader header,
      String question,
      AnswerError error,
      ReadListener listener,
      long started) {
    // what was cancelled is asked again if it is still wanted
    if (error.errorClass() != ErrorClass.CANCELLED) {
      counters.rowFailed();
      listener.answerFailed();
    }
    return header.failed(question, error, started);
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
        String question = questions.get(answers.size());
        answers.add(failed(headers.get(i), question, error, document.listener(), started));
      }
    }
  }
}
