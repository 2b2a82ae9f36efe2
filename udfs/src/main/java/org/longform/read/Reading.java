package org.longform.read;

import java.time.Duration;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.longform.generate.FinishReason;
import org.longform.generate.Generator;
import org.longform.generate.SamplingParameters;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;
import org.longform.kernels.model.SessionStats;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.options.PromptOptions;
import org.longform.options.RuntimeOptions;
import org.longform.prompt.Prompt;
import org.longform.prompt.Task;
import org.longform.tokenizer.TokenChunk;
import org.longform.tokenizer.TokenStream;

/** One document in one session: read to its end, then asked. */
final class Reading implements AutoCloseable {
  private final LoadedModel model;
  private final Options options;
  private final Document source;
  private final boolean scoring;
  private final ReadCounters counters;
  private final Session session;
  private final int[] prefix;
  private final DocumentTokens document;
  private final Optional<Duration> rowTimeout;
  private final Surprise surprise = new Surprise();
  // which tokens the prompt has, for the repetition penalty
  private final BitSet present = new BitSet();
  private boolean truncated;
  private long kvBytesReported;
  private long kvDiskBytesReported;
  private long attended;
  private long attendedInDocument;

  /**
   * @param first what is asked first; its task and options decide how the document is read
   */
  Reading(LoadedModel model, Document source, Ask first, KvMemory kvMemory, ReadCounters counters) {
    this.model = model;
    this.options = first.options();
    this.source = source;
    this.scoring = first.task() == Task.PERPLEXITY;
    this.counters = counters;
    this.rowTimeout = options.find(RuntimeOptions.ROW_TIMEOUT);
    this.prefix = prompt(first, "").prefixTokens(model.tokenizer());
    this.document = new DocumentTokens(prefix.length);
    ContextStrategy strategy = strategy(model, options);
    SessionOptions sessionOptions =
        new SessionOptions(this::cancelled)
            .withKvDType(CacheOptions.dtypeOf(options))
            .withKvMemory(kvMemory);
    this.session = model.decoder().open(strategy, sessionOptions);
    if (strategy.dependsOnPromptLength()) {
      session.expectPromptTokens(promptTokens(first));
    }
  }

  /** Asked before every layer: here a row over its time ends, too. */
  private boolean cancelled() {
    if (listener().cancelled()) {
      return true;
    }
    if (rowTimeout.isPresent() && source.clock().exceeds(rowTimeout.get())) {
      throw new LongformException(
          ErrorClass.ROW_TIMEOUT,
          "Cannot go on reading after %d tokens: the row took longer than row_timeout (%s). Raise it, leave it out, or choose a context that reads faster."
              .formatted(session.length(), options.textOf(RuntimeOptions.ROW_TIMEOUT)));
    }
    return false;
  }

  /** Whether the document is read otherwise for a longer question. */
  static boolean dependsOnQuestion(LoadedModel model, Options options) {
    return strategy(model, options).dependsOnPromptLength();
  }

  private static ContextStrategy strategy(LoadedModel model, Options options) {
    return ContextStrategies.create(
        options.get(ContextOptions.CONTEXT),
        ContextOptions.parametersOf(options),
        model.decoder().limits());
  }

  ReadListener listener() {
    return source.listener();
  }

  /** Reads the document; for {@link Task#PERPLEXITY} also how surprising its tokens are. */
  void readDocument() {
    if (scoring) {
      session.watchScores(surprise);
    }
    session.feed(prefix, 0, prefix.length);
    long limit = options.find(PromptOptions.MAX_INPUT_TOKENS).orElse(Long.MAX_VALUE);
    for (TokenStream chunks = model.tokenizer().stream(source.text()); chunks.hasNext(); ) {
      TokenChunk chunk = chunks.next();
      int take = (int) Math.min(chunk.size(), limit - document.count());
      truncated = take < chunk.size();
      for (int i = 0; i < take; i++) {
        document.add(Math.toIntExact(chunk.starts()[i]), Math.toIntExact(chunk.ends()[i]));
      }
      feed(chunk.ids(), take);
      if (truncated) {
        break;
      }
    }
    if (scoring) {
      session.flush();
    }
    trackDocument();
  }

  /** In small pieces, so that progress shows inside a long document. */
  private void feed(int[] ids, int count) {
    int piece = 512;
    for (int from = 0; from < count; from += piece) {
      int taken = Math.min(piece, count - from);
      long started = System.nanoTime();
      session.feed(ids, from, taken);
      prefilled(taken, System.nanoTime() - started);
      note(present, ids, from, taken);
      trackDocument();
    }
  }

  private void prefilled(int tokens, long nanos) {
    listener().prefilled(nanos);
    counters.prefilled(nanos);
    listener().tokensRead(tokens);
    counters.tokensRead(tokens);
  }

  private void trackDocument() {
    SessionStats now = session.stats();
    reportKvBytes(now.kvBytes(), now.kvDiskBytes());
    attendedInDocument = track(now, attendedInDocument);
  }

  /** Tells what a session did since it had attended to so many tokens; how many they are now. */
  private long track(SessionStats now, long attendedBefore) {
    long more = now.attendedTokens() - attendedBefore;
    attended += more;
    listener().tokensAttended(more);
    counters.tokensAttended(more);
    listener().kvHeld(now.peakKvBytes());
    counters.kvHeld(now.peakKvBytes(), now.peakKvDiskBytes());
    return now.attendedTokens();
  }

  /** Time since a moment that moves on to now. */
  private void decoded(AtomicLong since) {
    long now = System.nanoTime();
    long nanos = now - since.getAndSet(now);
    listener().decoded(nanos);
    counters.decoded(nanos);
  }

  private static void note(BitSet tokens, int[] ids, int from, int count) {
    for (int i = from; i < from + count; i++) {
      tokens.set(ids[i]);
    }
  }

  /** The answer to one question; the reading stays as it was, ready for the next. */
  Answer answer(Ask ask, AnswerHeader header, String question, long startedNanos) {
    if (ask.task() == Task.PERPLEXITY) {
      return answered(
          header,
          question,
          Double.toString(surprise.perplexity()),
          FinishReason.STOP,
          0,
          0,
          List.of(),
          startedNanos);
    }
    Prompt prompt = prompt(ask, question);
    int[] suffix = prompt.suffixTokens(model.tokenizer());
    SamplingParameters parameters = SamplingParameters.of(prompt.withStops(ask.options()));
    int evidenceCount = ask.options().get(OutputOptions.EVIDENCE_COUNT);
    EvidenceCollector evidence = new EvidenceCollector(document);
    BitSet promptTokens = (BitSet) present.clone();
    note(promptTokens, suffix, 0, suffix.length);
    try (Session fork = session.fork()) {
      long asked = System.nanoTime();
      fork.ask(suffix);
      AtomicLong writing = new AtomicLong(System.nanoTime());
      prefilled(suffix.length, writing.get() - asked);
      long attendedBefore = track(fork.stats(), 0);
      if (evidenceCount > 0) {
        fork.watch(evidence);
      }
      Generator.Generation written =
          new Generator(model.tokenizer(), endTokens())
              .generate(
                  fork,
                  parameters,
                  promptTokens,
                  header.seed(question),
                  tokens -> {
                    evidence.endStep(); // the token before this one was read by now
                    listener().tokensGenerated(tokens);
                    counters.tokensGenerated(tokens);
                    decoded(writing);
                  });
      decoded(writing);
      track(fork.stats(), attendedBefore);
      return answered(
          header,
          question,
          written.text().strip(),
          written.finishReason(),
          suffix.length,
          written.tokens(),
          evidence.best(source.text(), evidenceCount),
          startedNanos);
    }
  }

  private Answer answered(
      AnswerHeader header,
      String question,
      String value,
      FinishReason reason,
      int questionTokens,
      int outputTokens,
      List<Evidence> evidence,
      long startedNanos) {
    return new Answer(
        value,
        null,
        reason.text(),
        (long) prefix.length + document.count() + questionTokens,
        outputTokens,
        attended,
        truncated,
        header.method(),
        header.model(),
        header.modelRevision(),
        header.seed(question),
        (System.nanoTime() - startedNanos) / 1_000_000,
        evidence);
  }

  private Prompt prompt(Ask ask, String question) {
    return Prompt.of(model.promptFormat(), ask.task(), question, ask.options());
  }

  private long promptTokens(Ask ask) {
    String first = ask.questions().isEmpty() ? "" : ask.questions().get(0);
    return prefix.length
        + model.tokenizer().count(source.text())
        + prompt(ask, first).suffixTokens(model.tokenizer()).length;
  }

  private Set<Integer> endTokens() {
    Set<Integer> ends = new HashSet<>(model.tokenizer().eosIds());
    ends.addAll(model.generationConfig().eosIds());
    return ends;
  }

  private void reportKvBytes(long inMemory, long onDisk) {
    counters.kvBytesChanged(inMemory - kvBytesReported, onDisk - kvDiskBytesReported);
    kvBytesReported = inMemory;
    kvDiskBytesReported = onDisk;
  }

  @Override
  public void close() {
    reportKvBytes(0, 0);
    session.close();
  }
}
