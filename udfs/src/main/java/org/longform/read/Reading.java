package org.longform.read;

import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.longform.decoding.Decoding;
import org.longform.generate.Draft;
import org.longform.generate.FinishReason;
import org.longform.generate.Generator;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;
import org.longform.kernels.model.SessionStats;
import org.longform.models.FurtherModels;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.options.PromptOptions;
import org.longform.options.RuntimeOptions;
import org.longform.prompt.Prompt;
import org.longform.prompt.Task;
import org.longform.tokenizer.TokenChunk;
import org.longform.tokenizer.TokenStream;
import org.longform.tokenizer.Tokenizer;

/** One document in one session: read to its end, then asked. */
final class Reading implements AutoCloseable {
  private final LoadedModel model;
  private final Options options;
  private final Document source;
  private final RowCheck rowCheck;
  private final PartsReader text;
  private final boolean scoring;
  private final KvMemory kvMemory;
  private final ReadCounters counters;
  private final Session session;
  private final Decoding decoding;
  private final int[] prefix;
  private final DocumentTokens document;
  private final Checkpoints checkpoints;
  private final Optional<Duration> rowTimeout;
  private final Surprise surprise = new Surprise();
  // which tokens the prompt has, for the repetition penalty
  private final BitSet present = new BitSet();
  private boolean truncated;
  // tokens of the document that the session has taken, in this process or another
  private long taken;
  private long attendedInDocument;
  private long attendedInAnswers;
  // until when the time of writing was told
  private final AtomicLong writingSince = new AtomicLong();

  /**
   * @param asks what will be asked; task and options of the first decide how the document is read
   * @throws org.longform.kernels.error.LongformException EMPTY_DOCUMENT
   */
  Reading(
      LoadedModel model,
      FurtherModels furtherModels,
      Document source,
      List<Ask> asks,
      KvMemory kvMemory,
      ReadCounters counters) {
    Ask first = asks.get(0);
    this.model = model;
    this.options = first.options();
    this.source = source;
    this.scoring = first.task() == Task.PERPLEXITY;
    this.kvMemory = kvMemory;
    this.counters = counters;
    this.rowTimeout = options.find(RuntimeOptions.ROW_TIMEOUT);
    this.prefix = prompt(first, "").prefixTokens(model.tokenizer());
    this.document = new DocumentTokens(prefix.length);
    this.rowCheck = new RowCheck(model.tokenizer(), options);
    ContextStrategy strategy = strategy(model, options);
    boolean countsFirst = strategy.dependsOnPromptLength() || strategy.dependsOnDocumentLength();
    if (countsFirst || asks.stream().anyMatch(Reading::wantsEvidence)) {
      source.source().keep();
    }
    long expectedTokens = countsFirst ? expectedTokens(strategy, first) : 0;
    this.text = new PartsReader(source.source(), rowCheck);
    text.requireText();
    SessionOptions sessionOptions =
        new SessionOptions(this::cancelled)
            .withKvDType(CacheOptions.dtypeOf(options))
            .withKvMemory(kvMemory);
    Writing writing = new Writing(model, options, furtherModels, sessionOptions);
    writing.requireFits(strategy);
    this.checkpoints = checkpoints(first, strategy, writing);
    Optional<Checkpoint.Resumed> resumed =
        checkpoints.resume(
            prefix.length,
            in -> model.decoder().resume(strategy(model, options), sessionOptions, in));
    this.session =
        resumed
            .map(Checkpoint.Resumed::session)
            .orElseGet(() -> model.decoder().open(strategy, sessionOptions));
    try {
      resumed.map(Checkpoint.Resumed::checkpoint).ifPresent(this::goOnFrom);
      if (countsFirst) {
        session.expectPromptTokens(expectedTokens);
      }
      this.decoding = writing.open(endTokens(), scoring);
    } catch (Throwable e) {
      session.close();
      throw e;
    }
  }

  private Checkpoints checkpoints(Ask first, ContextStrategy strategy, Writing writing) {
    boolean used = source.checkpoint().isUsed() && strategy.resumable() && !writing.readsAlong();
    return new Checkpoints(
        source.checkpoint(),
        new Checkpoint.Identity(
            model.revision(),
            used ? Checkpoints.method(first, prefix) : "",
            source.source().rowKey().orElse("")),
        used ? Checkpoints.Pace.of(options) : Checkpoints.Pace.NEVER,
        System::nanoTime);
  }

  private void goOnFrom(Checkpoint checkpoint) {
    taken = checkpoint.documentTokens();
    surprise.goOnFrom(checkpoint.surpriseSum(), checkpoint.scoredTokens());
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

  /** Evidence is taken from the text when the answer is known: the text is then needed again. */
  static boolean wantsEvidence(Ask ask) {
    return ask.task() != Task.PERPLEXITY && ask.options().get(OutputOptions.EVIDENCE_COUNT) > 0;
  }

  private static ContextStrategy strategy(LoadedModel model, Options options) {
    return Writing.context(model.decoder(), model.tokenizer(), options);
  }

  ReadListener listener() {
    return source.listener();
  }

  /** Reads the document; for {@link Task#PERPLEXITY} also how surprising its tokens are. */
  void readDocument() {
    if (scoring) {
      session.watchScores(
          (row, token, negativeLogLikelihood) -> {
            surprise.add(row, token, negativeLogLikelihood);
            listener().tokenScored(row, negativeLogLikelihood);
          });
    }
    if (session.length() + session.pendingTokens() == 0) {
      decoding.feed(session, prefix, 0, prefix.length);
    } else {
      decoding.known(prefix, 0, prefix.length);
    }
    long limit = options.find(PromptOptions.MAX_INPUT_TOKENS).orElse(Long.MAX_VALUE);
    for (TokenStream chunks = model.tokenizer().stream(text); chunks.hasNext(); ) {
      TokenChunk chunk = chunks.next();
      int take = (int) Math.min(chunk.size(), limit - document.count());
      truncated = take < chunk.size();
      int known = (int) Math.min(take, taken - document.count());
      for (int i = 0; i < take; i++) {
        document.add(chunk.starts()[i], chunk.ends()[i]);
      }
      note(present, chunk.ids(), 0, take);
      decoding.known(chunk.ids(), 0, Math.max(0, known));
      feed(chunk.ids(), known, take);
      if (truncated) {
        break;
      }
    }
    requireAllTaken();
    text.finish();
    if (scoring) {
      session.flush();
    }
    trackDocument();
  }

  // only a forged checkpoint can have more than its document
  private void requireAllTaken() {
    if (taken != document.count()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot go on from the checkpoint: it has %d tokens of a document of %d. Delete it."
              .formatted(taken, document.count()));
    }
  }

  /** What the text is called by, where its source has no key for it. */
  Optional<String> rowKey() {
    return text.rowKey();
  }

  /** In small pieces, so that progress shows inside a long document. */
  private void feed(int[] ids, int first, int end) {
    int piece = 512;
    for (int from = first; from < end; from += piece) {
      int count = Math.min(piece, end - from);
      long started = System.nanoTime();
      decoding.feed(session, ids, from, count);
      prefilled(count, System.nanoTime() - started);
      taken += count;
      trackDocument();
      checkpoints.reached(taken, surprise, session);
    }
  }

  void prefilled(int tokens, long nanos) {
    listener().prefilled(nanos);
    counters.prefilled(nanos);
    listener().tokensRead(tokens);
    counters.tokensRead(tokens);
  }

  private void trackDocument() {
    SessionStats now = session.stats();
    attendedInDocument = track(now, attendedInDocument);
  }

  /** Tells what a session did since it had attended to so many tokens; how many they are now. */
  long track(SessionStats now, long attendedBefore) {
    long more = now.attendedTokens() - attendedBefore;
    listener().tokensAttended(more);
    counters.tokensAttended(more);
    listener().kvHeld(now.peakKvBytes());
    counters.kvHeld(now.peakKvBytes(), now.peakKvDiskBytes());
    return now.attendedTokens();
  }

  /** Tells of the time since answers were begun, or since the last such call. */
  void decoded() {
    long now = System.nanoTime();
    long nanos = now - writingSince.getAndSet(now);
    listener().decoded(nanos);
    counters.decoded(nanos);
  }

  private static void note(BitSet tokens, int[] ids, int from, int count) {
    for (int i = from; i < from + count; i++) {
      tokens.set(ids[i]);
    }
  }

  /** The perplexity of what was read. */
  Answer perplexity(Question question, long startedNanos) {
    return answered(
        question.header(),
        question.text(),
        Double.toString(surprise.perplexity()),
        FinishReason.STOP,
        0,
        0,
        List.of(),
        System.nanoTime() - startedNanos);
  }

  /**
   * With how many of these questions the first is answered at once: as many as share a pass, and as
   * have room for their keys and values.
   */
  int answeredAtOnce(List<Question> questions) {
    long room = kvMemory.budgetBytes() - kvMemory.memoryBytes();
    int most = Math.min(questions.size(), model.decoder().batcher().limit());
    int count = 0;
    while (count < most) {
      room -= Answering.mostTokens(questions.get(count)) * kvBytesPerToken();
      if (room < 0) {
        break;
      }
      count++;
    }
    return Math.max(1, count);
  }

  private long kvBytesPerToken() {
    return model.decoder().kvBytesPerToken(CacheOptions.dtypeOf(options));
  }

  /**
   * Writes the answers to some questions together, each from a fork of its own; the reading stays
   * as it was, ready for the next. What fails is thrown when its answer is asked for.
   */
  List<Answering> write(List<Question> questions) {
    Generator generator = new Generator(model.tokenizer(), endTokens(), model.decoder().batcher());
    List<Answering> all = new ArrayList<>();
    try {
      for (Question question : questions) {
        Answering answering = new Answering(this, question);
        all.add(answering);
        answering.read(session, generator);
      }
      writingSince.set(System.nanoTime());
      generator.write(all.stream().flatMap(answering -> answering.draft().stream()).toList());
      decoded();
      long held = session.stats().kvBytes();
      long more = all.stream().mapToLong(each -> Math.max(0, each.peakKvBytes() - held)).sum();
      listener().kvHeld(held + more);
      counters.kvHeld(held + more, 0);
    } finally {
      all.forEach(Answering::close);
    }
    return all;
  }

  /** The tokens of a question are about to be read: all that the prompt has then. */
  BitSet promptWith(int[] questionTokens) {
    BitSet all = (BitSet) present.clone();
    note(all, questionTokens, 0, questionTokens.length);
    return all;
  }

  /** An answer was written from a fork that did so much. */
  Answer answered(
      Question question,
      Draft.Written written,
      int questionTokens,
      EvidenceCollector evidence,
      SessionStats stats,
      long latencyNanos) {
    attendedInAnswers += stats.attendedTokens();
    return answered(
        question.header(),
        question.text(),
        written.text().strip(),
        written.finishReason(),
        questionTokens,
        written.tokens(),
        wantsEvidence(question.ask())
            ? evidence.best(parts(), question.ask().options().get(OutputOptions.EVIDENCE_COUNT))
            : List.of(),
        latencyNanos);
  }

  private Answer answered(
      AnswerHeader header,
      String question,
      String value,
      FinishReason reason,
      int questionTokens,
      int outputTokens,
      List<Evidence> evidence,
      long latencyNanos) {
    return new Answer(
        value,
        null,
        reason.text(),
        (long) prefix.length + document.count() + questionTokens,
        outputTokens,
        attendedInDocument + attendedInAnswers,
        truncated,
        header.method(),
        header.model(),
        header.modelRevision(),
        header.seed(question),
        latencyNanos / 1_000_000,
        evidence,
        text.tally());
  }

  /** The texts that were read, from the first. */
  private ReadableParts parts() {
    return new ReadableParts(source.source().parts(), rowCheck);
  }

  LoadedModel model() {
    return model;
  }

  Decoding decoding() {
    return decoding;
  }

  ReadCounters counters() {
    return counters;
  }

  DocumentTokens document() {
    return document;
  }

  Prompt prompt(Ask ask, String question) {
    return Prompt.of(model.promptFormat(), ask.task(), question, ask.options());
  }

  /** Tokens of the document, or of the whole prompt if those decide how it is read. */
  private long expectedTokens(ContextStrategy strategy, Ask ask) {
    long limit = options.find(PromptOptions.MAX_INPUT_TOKENS).orElse(Long.MAX_VALUE);
    long document =
        Math.min(limit, model.tokenizer().count(new PartsReader(source.source(), rowCheck)));
    if (!strategy.dependsOnPromptLength()) {
      return prefix.length + document;
    }
    String first = ask.questions().isEmpty() ? "" : ask.questions().get(0);
    return prefix.length + document + prompt(ask, first).suffixTokens(model.tokenizer()).length;
  }

  private Set<Integer> endTokens() {
    Set<Integer> ends = new HashSet<>(model.tokenizer().eosIds());
    ends.addAll(model.generationConfig().eosIds());
    return ends;
  }

  @Override
  public void close() {
    decoding.close();
    session.close();
  }
}
