package org.longform.read;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.decoding.Decoding;
import org.longform.feed.DocumentPiece;
import org.longform.feed.Feed;
import org.longform.feed.FeedRequest;
import org.longform.feed.ReadingStrategy;
import org.longform.generate.Draft;
import org.longform.generate.FinishReason;
import org.longform.generate.Generator;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.SessionOptions;
import org.longform.kernels.model.SessionStats;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.options.PromptOptions;
import org.longform.options.ReadingOptions;
import org.longform.options.RuntimeOptions;
import org.longform.prompt.Prompt;
import org.longform.prompt.Task;
import org.longform.tokenizer.TokenChunk;
import org.longform.tokenizer.TokenStream;

/** One document on its way into one session: read to its end, then asked. */
final class Reading implements AutoCloseable {
  private final ReadingSetup setup;
  private final LoadedModel model;
  private final Options options;
  private final Document source;
  private final RowCheck rowCheck;
  private final PartsReader parts;
  private final boolean scoring;
  private final ReadingStrategy strategy;
  private final Feed feed;
  private final Decoding decoding;
  private final int[] prefix;
  private final int[] suffix;
  private final TextTee text;
  private final DocumentTokens document;
  private final Checkpoints checkpoints;
  private final Optional<Duration> rowTimeout;
  private final ReadingMeter meter;
  private final Surprise surprise = new Surprise();
  // which tokens the prompt has, for the repetition penalty
  private final BitSet present = new BitSet();
  private boolean truncated;
  // tokens of the document that the session has taken, in this process or another
  private long taken;
  private long attendedInDocument;
  private long attendedInAnswers;

  /**
   * @param asks what will be asked; task and options of the first decide how the document is read,
   *     and so does its first question where a document is read for a question
   * @throws org.longform.kernels.error.LongformException EMPTY_DOCUMENT, INVALID_OPTION
   */
  Reading(ReadingSetup setup, Document source, List<Ask> asks) {
    Ask first = asks.get(0);
    this.setup = setup;
    this.model = setup.model();
    this.options = first.options();
    this.source = source;
    this.meter = new ReadingMeter(source.listener(), setup.counters());
    this.scoring = first.task() == Task.PERPLEXITY;
    this.rowTimeout = options.find(RuntimeOptions.ROW_TIMEOUT);
    this.strategy = ReadingOptions.strategy(options);
    requireSense(strategy, first.task());
    ParameterValues values = ReadingOptions.valuesOf(options, model.decoder().limits());
    this.prefix = prompt(first, "").prefixTokens(model.tokenizer());
    this.document = new DocumentTokens();
    this.rowCheck = new RowCheck(model.tokenizer(), options);
    ContextStrategy context = setup.context().example();
    boolean counts =
        strategy.needsLength()
            || context.dependsOnPromptLength()
            || context.dependsOnDocumentLength();
    boolean needsQuestion = strategy.readsForQuestion() || context.dependsOnPromptLength();
    this.suffix = needsQuestion ? suffixTokens(first) : new int[0];
    if (counts || asks.stream().anyMatch(Reading::wantsEvidence)) {
      source.source().keep();
    }
    long documentTokens = counts ? countTokens() : -1;
    this.parts = new PartsReader(source.source(), rowCheck);
    parts.requireText();
    this.text = new TextTee(parts, strategy.needsText());
    SessionOptions sessionOptions =
        new SessionOptions(this::cancelled)
            .withKvDType(CacheOptions.dtypeOf(options))
            .withKvMemory(setup.kvMemory());
    Writing writing = new Writing(setup, options, sessionOptions);
    boolean plain = scoring || strategy.asksItself();
    if (!plain) {
      writing.requireFits();
    }
    this.checkpoints = checkpoints(first, context, writing);
    Optional<Checkpoint.Resumed> resumed =
        checkpoints.resume(
            prefix.length,
            in -> model.decoder().resume(setup.context().forDocument(), sessionOptions, in));
    Decoding opened = null;
    try {
      opened = writing.open(endTokens(), plain);
      resumed.map(Checkpoint.Resumed::checkpoint).ifPresent(this::goOnFrom);
      if (resumed.isPresent()) {
        opened.known(prefix, 0, prefix.length);
      }
      this.feed =
          strategy.open(
              values,
              new FeedRequest(
                  model.decoder(),
                  setup.context()::forDocument,
                  sessionOptions,
                  prefix,
                  suffix,
                  documentTokens,
                  resumed.map(Checkpoint.Resumed::session),
                  opened::feed));
    } catch (Throwable e) {
      resumed.ifPresent(each -> each.session().close());
      if (opened != null) {
        opened.close();
      }
      throw e;
    }
    this.decoding = opened;
  }

  private static void requireSense(ReadingStrategy strategy, Task task) {
    if (task == Task.PERPLEXITY && strategy.readsForQuestion()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot compute a perplexity with reading '%s': it leaves tokens out and reads others more than once, so there is no one probability of each. Use reading 'sequential'."
              .formatted(strategy.name()));
    }
  }

  private Checkpoints checkpoints(Ask first, ContextStrategy context, Writing writing) {
    boolean used =
        source.checkpoint().isUsed()
            && context.resumable()
            && !writing.readsAlong()
            && !strategy.readsForQuestion();
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
              .formatted(taken, options.textOf(RuntimeOptions.ROW_TIMEOUT)));
    }
    return false;
  }

  /** Evidence is taken from the text when the answer is known: the text is then needed again. */
  static boolean wantsEvidence(Ask ask) {
    return ask.task() != Task.PERPLEXITY && ask.options().get(OutputOptions.EVIDENCE_COUNT) > 0;
  }

  ReadListener listener() {
    return source.listener();
  }

  /** Reads the document; for {@link Task#PERPLEXITY} also how surprising its tokens are. */
  void readDocument() {
    if (scoring) {
      feed.session()
          .watchScores(
              (row, token, negativeLogLikelihood) -> {
                surprise.add(row, token, negativeLogLikelihood);
                listener().tokenScored(row, negativeLogLikelihood);
              });
    }
    long limit = limit();
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
      feed(chunk, known, take);
      if (truncated) {
        break;
      }
    }
    requireAllTaken();
    parts.finish();
    long started = System.nanoTime();
    feed.finish();
    if (strategy.readsForQuestion()) {
      meter.prefilled(questionWasRead() ? suffix.length : 0, System.nanoTime() - started);
    }
    if (scoring) {
      feed.session().flush();
    }
    trackDocument();
  }

  private long limit() {
    return options.find(PromptOptions.MAX_INPUT_TOKENS).orElse(Long.MAX_VALUE);
  }

  /** Whether the question was read with the document, so that its answer can begin. */
  boolean questionWasRead() {
    return strategy.asksItself();
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
    return parts.rowKey();
  }

  /** In small pieces, so that progress shows inside a long document. */
  private void feed(TokenChunk chunk, int first, int end) {
    int piece = 512;
    for (int from = first; from < end; from += piece) {
      int to = Math.min(end, from + piece);
      DocumentPiece next =
          new DocumentPiece(
              Arrays.copyOfRange(chunk.ids(), from, to),
              Arrays.copyOfRange(chunk.starts(), from, to),
              text.takeUpTo(chunk.ends()[to - 1]));
      long started = System.nanoTime();
      feed.take(next);
      meter.prefilled(to - from, System.nanoTime() - started);
      taken += to - from;
      trackDocument();
      if (!strategy.readsForQuestion()) {
        checkpoints.reached(taken, surprise, feed.session());
      }
    }
  }

  private void trackDocument() {
    attendedInDocument = meter.track(feed.stats(), attendedInDocument);
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
        Map.of(),
        System.nanoTime() - startedNanos);
  }

  /**
   * With how many of these questions the first is answered at once: as many as share a pass, and as
   * have room for their keys and values.
   */
  int answeredAtOnce(List<Question> questions) {
    long room = setup.kvMemory().budgetBytes() - setup.kvMemory().memoryBytes();
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
    return model.decoder().kvBytesPerToken(CacheOptions.dtypeOf(options))
        + decoding.kvBytesPerToken(CacheOptions.dtypeOf(options));
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
        answering.read(feed.session(), generator);
      }
      meter.writingBegins();
      all.forEach(Answering::choose);
      generator.write(all.stream().flatMap(answering -> answering.draft().stream()).toList());
      meter.decoded();
      long held = feed.session().stats().kvBytes();
      long more = all.stream().mapToLong(each -> Math.max(0, each.peakKvBytes() - held)).sum();
      meter.kvHeld(held + more, 0);
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
        best(question, evidence),
        Map.of(),
        latencyNanos);
  }

  /** An answer was chosen from a few, by a fork that did so much. */
  Answer answered(
      Question question,
      Choice choice,
      int questionTokens,
      EvidenceCollector evidence,
      SessionStats stats,
      long latencyNanos) {
    attendedInAnswers += stats.attendedTokens();
    return answered(
        question.header(),
        question.text(),
        choice.value(),
        FinishReason.STOP,
        questionTokens,
        choice.tokens(),
        best(question, evidence),
        choice.probabilities(),
        latencyNanos);
  }

  private List<Evidence> best(Question question, EvidenceCollector evidence) {
    return wantsEvidence(question.ask())
        ? evidence.best(readableParts(), question.ask().options().get(OutputOptions.EVIDENCE_COUNT))
        : List.of();
  }

  private Answer answered(
      AnswerHeader header,
      String question,
      String value,
      FinishReason reason,
      int questionTokens,
      int outputTokens,
      List<Evidence> evidence,
      Map<String, Double> probabilities,
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
        parts.tally(),
        probabilities);
  }

  /** The texts that were read, from the first. */
  private ReadableParts readableParts() {
    return new ReadableParts(source.source().parts(), rowCheck);
  }

  LoadedModel model() {
    return model;
  }

  Decoding decoding() {
    return decoding;
  }

  ReadingMeter meter() {
    return meter;
  }

  DocumentTokens document() {
    return document;
  }

  /** Which token of the document a row of the session is; -1 if it is none. */
  long documentToken(long row) {
    long token = feed.documentToken(row);
    return token >= 0 && token < document.count() ? token : -1;
  }

  Prompt prompt(Ask ask, String question) {
    return Prompt.of(model.promptFormat(), ask.task(), question, ask.options());
  }

  private int[] suffixTokens(Ask ask) {
    String question = ask.questions().isEmpty() ? "" : ask.questions().get(0);
    return prompt(ask, question).suffixTokens(model.tokenizer());
  }

  /** Tokens of the document that will be read. */
  private long countTokens() {
    long count = 0;
    TokenStream chunks = model.tokenizer().stream(new PartsReader(source.source(), rowCheck));
    while (count < limit() && chunks.hasNext()) {
      if (cancelled()) {
        throw new LongformException(
            ErrorClass.CANCELLED,
            "Cannot go on counting after %d tokens: the caller cancelled it. Read again if it is still wanted."
                .formatted(count));
      }
      count += chunks.next().size();
    }
    return Math.min(limit(), count);
  }

  private Set<Integer> endTokens() {
    Set<Integer> ends = new HashSet<>(model.tokenizer().eosIds());
    ends.addAll(model.generationConfig().eosIds());
    return ends;
  }

  @Override
  public void close() {
    decoding.close();
    feed.close();
  }
}
