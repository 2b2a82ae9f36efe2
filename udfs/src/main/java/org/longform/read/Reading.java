package org.longform.read;

import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.longform.generate.FinishReason;
import org.longform.generate.Generator;
import org.longform.generate.SamplingParameters;
import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.Options;
import org.longform.options.OutputOptions;
import org.longform.options.PromptOptions;
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
  private final Surprise surprise = new Surprise();
  // which tokens the prompt has, for the repetition penalty
  private final BitSet present = new BitSet();
  private boolean truncated;
  private long attended;
  private long peakKvBytes;
  private long peakKvDiskBytes;

  /**
   * @param first what is asked first; its task and options decide how the document is read
   */
  Reading(LoadedModel model, Document source, Ask first, KvMemory kvMemory, ReadCounters counters) {
    this.model = model;
    this.options = first.options();
    this.source = source;
    this.scoring = first.task() == Task.PERPLEXITY;
    this.counters = counters;
    this.prefix = prompt(first, "").prefixTokens(model.tokenizer());
    this.document = new DocumentTokens(prefix.length);
    ContextStrategy strategy = strategy(model, options);
    SessionOptions sessionOptions =
        new SessionOptions(() -> listener().cancelled())
            .withKvDType(CacheOptions.dtypeOf(options))
            .withKvMemory(kvMemory);
    this.session = model.decoder().open(strategy, sessionOptions);
    if (strategy.dependsOnPromptLength()) {
      session.expectPromptTokens(promptTokens(first));
    }
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
    track(session);
  }

  /** In small pieces, so that progress shows inside a long document. */
  private void feed(int[] ids, int count) {
    int piece = 512;
    for (int from = 0; from < count; from += piece) {
      int taken = Math.min(piece, count - from);
      long started = System.nanoTime();
      session.feed(ids, from, taken);
      listener().prefilled(System.nanoTime() - started);
      note(present, ids, from, taken);
      listener().tokensRead(taken);
      counters.tokensRead(taken);
    }
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
      long read = System.nanoTime();
      listener().prefilled(read - asked);
      listener().tokensRead(suffix.length);
      counters.tokensRead(suffix.length);
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
                  });
      listener().decoded(System.nanoTime() - read);
      track(fork);
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

  long attendedTokens() {
    return attended;
  }

  long peakKvBytes() {
    return peakKvBytes;
  }

  long peakKvDiskBytes() {
    return peakKvDiskBytes;
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

  private void track(Session read) {
    attended += read.stats().attendedTokens();
    peakKvBytes = Math.max(peakKvBytes, read.stats().peakKvBytes());
    peakKvDiskBytes = Math.max(peakKvDiskBytes, read.stats().peakKvDiskBytes());
  }

  @Override
  public void close() {
    session.close();
  }
}
