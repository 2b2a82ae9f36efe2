package org.longform.kernels.model;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.longform.kernels.attention.ColumnMass;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * One document being read by a loaded model: its keys and values, its strategy, its counters. Used
 * by one thread at a time; whoever opens it closes it.
 *
 * <p>A document is a stream: {@link #feed} it in pieces of any size, {@link #ask} the question,
 * read {@link #logits}, {@link #step} with the token chosen from them. The borders of the blocks
 * that are read at once come from the strategy alone, not from how the caller cuts the stream.
 *
 * <p>When a call fails (a cancellation, no memory), blocks already read stay read, the block that
 * failed leaves no trace in the cache, and the tokens not read yet stay pending: {@link #flush}
 * goes on with them. A strategy may see the plan calls of such a block again from the first layer.
 */
public final class Session implements AutoCloseable {
  /** What the pending tokens are; it decides how many are read as one block. */
  private enum Phase {
    DOCUMENT,
    QUESTION,
    GENERATED
  }

  private final Decoder decoder;
  private final ContextStrategy strategy;
  private final SessionOptions options;
  private final KvCache cache;
  private final ForwardPass forward;
  private final Head head;
  private final PendingTokens pending;
  // (1, M): the last token's residual stream before the final norm
  private final Tensor last;
  private final Watchers watchers = new Watchers();
  private final SessionCounts counts = new SessionCounts();
  private Phase phase = Phase.DOCUMENT;
  private long promptTokens = -1;
  // whether rows are reserved, and perhaps being read by the thread that leads a pass
  private boolean inPass;
  // whether the strategy has yet to keep what it wants of the last block
  private boolean undigested;
  // whether a token waits for its pass
  private boolean prepared;
  private boolean closed;

  private Session(
      Decoder decoder,
      ContextStrategy strategy,
      SessionOptions options,
      KvCache cache,
      PendingTokens pending) {
    this.decoder = decoder;
    this.strategy = strategy;
    this.options = options;
    this.cache = cache;
    this.pending = pending;
    this.forward = new ForwardPass(decoder);
    this.head = new Head(decoder);
    // where the rows of a pass lie: its logits are made in the same place then, bit for bit alike
    this.last =
        Patience.with(
            cache,
            options.cancelled(),
            () ->
                cache.withRoom(
                    () -> Tensor.allocate(decoder.kernels().memory(), 1, decoder.spec().hidden())));
  }

  static Session start(Decoder decoder, ContextStrategy strategy, SessionOptions options) {
    Objects.requireNonNull(strategy, "strategy");
    Objects.requireNonNull(options, "options");
    return opened(decoder, strategy, options, decoder.cache(options), new PendingTokens());
  }

  /**
   * A session behind tokens that were read otherwise. The cache belongs to it, also if it cannot be
   * made.
   *
   * @param last (M), the last token's residual stream before the final norm
   */
  static Session behind(
      Decoder decoder,
      ContextStrategy strategy,
      SessionOptions options,
      KvCache cache,
      float[] last) {
    Session session = opened(decoder, strategy, options, cache, new PendingTokens());
    session.last.write(0, last);
    session.counts.prefilled(cache.length());
    session.counts.notePeaks(cache);
    return session;
  }

  /** The cache belongs to the new session, also if it cannot be made. */
  private static Session opened(
      Decoder decoder,
      ContextStrategy strategy,
      SessionOptions options,
      KvCache cache,
      PendingTokens pending) {
    boolean held = false;
    try {
      decoder.hold();
      held = true;
      return new Session(decoder, strategy, options, cache, pending);
    } catch (Throwable e) {
      cache.close();
      if (held) {
        decoder.release();
      }
      throw e;
    }
  }

  /**
   * Says how long the whole prompt will be, or the document alone, for strategies that depend on
   * the one or the other. To be called before the first token; without it they treat the length as
   * unknown.
   */
  public void expectPromptTokens(long tokens) {
    requireOpen();
    if (tokens < 0 || length() + pending.size() > 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot expect a prompt of %d tokens: %s."
              .formatted(
                  tokens,
                  tokens < 0
                      ? "the number is negative"
                      : "reading began already. Say it before the first token"));
    }
    promptTokens = tokens;
  }

  /**
   * Takes the next {@code count} tokens of the document from {@code tokens[from…]}. What fills a
   * block is read now, the rest waits for more, or for {@link #flush}.
   *
   * @throws LongformException INVALID_INPUT for a token outside the vocabulary (none is taken
   *     then), CANCELLED, OUT_OF_MEMORY
   */
  public void feed(int[] tokens, int from, int count) {
    take(Phase.DOCUMENT, tokens, from, count);
    readWhileFull();
  }

  /** Reads what is pending, although it does not fill a block. */
  public void flush() {
    requireOpen();
    digest();
    while (pending.size() > 0) {
      readBlock(Math.min(chunk(), pending.size()));
    }
  }

  /**
   * Reads the question that follows the document, in blocks of the length that the strategy wants
   * for questions, to the end.
   */
  public void ask(int[] tokens) {
    take(Phase.QUESTION, tokens, 0, tokens.length);
    flush();
  }

  /**
   * Reads one generated token. {@link DecodeBatcher} reads those of several sessions at once, and
   * guesses of what follows them.
   */
  public void step(int token) {
    take(Phase.GENERATED, new int[] {token}, 0, 1);
    flush();
  }

  /**
   * Scores for the token after the last one read, one for each id of the vocabulary. Computed at
   * each call.
   *
   * @throws LongformException INVALID_INPUT if nothing was read yet or tokens are pending
   */
  public float[] logits() {
    requireOpen();
    requireRead("compute logits");
    return head.logits(last).get(0);
  }

  /**
   * Feeds tokens, reads them to the end, and tells how surprising each was. For a document of any
   * length call it with one part after the other; memory depends on the part alone. Each call ends
   * with a shorter block if the part is not a multiple of the strategy's; {@link #watchScores} with
   * {@link #feed} has no such borders.
   *
   * @return {@code -ln p(token | everything before)} in nats for each of the {@code count} tokens;
   *     exp of the mean is the perplexity
   * @throws LongformException INVALID_INPUT if no token comes before the first one to be scored:
   *     feed the begin-of-text token, or the first token itself
   */
  public double[] score(int[] tokens, int from, int count) {
    requireOpen();
    flush();
    requireRead("score tokens");
    double[] surprises = new double[count];
    long first = length();
    Optional<TokenScores> outer = watchers.scores();
    TokenScores inner =
        (row, token, surprise) -> {
          surprises[Math.toIntExact(row - first)] = surprise;
          outer.ifPresent(target -> target.add(row, token, surprise));
        };
    watchers.scores(Optional.of(inner));
    try {
      feed(tokens, from, count);
      flush();
    } finally {
      watchers.scores(outer);
    }
    return surprises;
  }

  /**
   * From now on every token read is scored, except the first of the document, which nothing
   * predicts. A block's scores come when it was read.
   */
  public void watchScores(TokenScores target) {
    watchers.scores(Optional.of(target));
  }

  public void unwatchScores() {
    watchers.scores(Optional.empty());
  }

  /**
   * From now on every attention of every layer reports how much probability each cached token got,
   * summed over query heads and the tokens read.
   */
  public void watch(ColumnMass target) {
    watchers.mass(Optional.of(target));
  }

  public void unwatch() {
    watchers.mass(Optional.empty());
  }

  /** From now on a tap is told how the queries it asks for spread their attention. */
  public void watchProbabilities(ProbabilityTap target) {
    watchers.probabilities(Optional.of(target));
  }

  public void unwatchProbabilities() {
    watchers.probabilities(Optional.empty());
  }

  /**
   * From now on the hidden states of every block of the prompt are told once it was read; generated
   * tokens are not part of it.
   *
   * @param layers so many layers are behind them: 0 for the embeddings, all for what the output
   *     matrix gets, the final norm included
   */
  public void exportHidden(int layers, HiddenStates target) {
    if (layers < 0 || layers > decoder.spec().layers()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot export hidden states after layer %d: the model has %d layers. Choose one from 0 to %d."
              .formatted(layers, decoder.spec().layers(), decoder.spec().layers()));
    }
    watchers.exportHidden(layers, target);
  }

  /** From now on blocks of the prompt are changed before the first layer; generated tokens not. */
  public void changeEmbeddings(InputEmbeddings change) {
    watchers.changeEmbeddings(change);
  }

  /**
   * A second session with the same past, pending tokens included. Keys and values are shared until
   * one of both writes; counters start from zero; nobody watches it.
   */
  public Session fork() {
    requireOpen();
    Session fork = opened(decoder, strategy.fork(), options, cache.fork(), pending.copy());
    fork.last.write(0, last.toArray());
    fork.phase = phase;
    fork.promptTokens = promptTokens;
    fork.undigested = undigested;
    fork.counts.notePeaks(fork.cache);
    return fork;
  }

  /**
   * Writes what {@link Decoder#resume} needs to go on as if nothing had happened, pending tokens
   * included. Who watches is not part of it.
   *
   * @throws LongformException INVALID_INPUT if the question was asked already, or the strategy is
   *     not {@link ContextStrategy#resumable}
   */
  public void save(DataOutput out) throws IOException {
    requireOpen();
    if (phase != Phase.DOCUMENT || !strategy.resumable()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot save the session: %s."
              .formatted(
                  phase == Phase.DOCUMENT
                      ? "its strategy does not allow to go on elsewhere"
                      : "the document was read to its end. Save it before the question"));
    }
    digest();
    new SessionState(
            length(),
            cache.held(),
            last.toArray(),
            pending.first(pending.size()),
            promptTokens,
            counts.saved())
        .write(cache.shape(), out);
    cache.writeRows(out);
  }

  /** To be called on a new session. */
  void restore(DataInput in) throws IOException {
    SessionState state = SessionState.read(decoder.spec(), cache.shape(), strategy, in);
    cache.readRows(state.held(), state.length(), in);
    last.write(0, state.last());
    pending.add(state.pending(), 0, state.pending().length);
    promptTokens = state.promptTokens();
    counts.restore(state.counts());
    counts.notePeaks(cache);
  }

  /** Tokens read so far; pending ones do not count. */
  public long length() {
    return cache.length();
  }

  /** Tokens taken but not read yet. */
  public int pendingTokens() {
    return pending.size();
  }

  /** Whether steps may have guesses: the strategy can forget wrong ones. */
  public boolean mayBranch() {
    return strategy.mayBranch();
  }

  public SessionStats stats() {
    return counts.stats(cache);
  }

  ForwardPass forward() {
    return forward;
  }

  Head head() {
    return head;
  }

  private void take(Phase next, int[] tokens, int from, int count) {
    requireOpen();
    Objects.checkFromIndexSize(from, count, tokens.length);
    for (int i = from; i < from + count; i++) {
      requireKnown(tokens[i]);
    }
    if (phase != next) {
      flush();
      phase = next;
      if (next == Phase.QUESTION) {
        strategy.turn();
      }
    }
    pending.add(tokens, from, count);
  }

  private void requireKnown(int token) {
    int vocabulary = decoder.spec().vocabulary();
    if (token < 0 || token >= vocabulary) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot read token %d: it is not in the vocabulary (0 to %d). Use the tokenizer that belongs to the model."
              .formatted(token, vocabulary - 1));
    }
  }

  private void readWhileFull() {
    digest();
    for (int chunk = chunk(); pending.size() >= chunk; chunk = chunk()) {
      readBlock(chunk);
    }
  }

  private int chunk() {
    int chunk =
        switch (phase) {
          case DOCUMENT -> strategy.nextChunk(length(), promptTokens);
          case QUESTION -> strategy.questionChunk();
          case GENERATED -> 1;
        };
    if (chunk < 1) {
      throw new LongformException(
          ErrorClass.INVALID_PLAN,
          "Cannot read %d tokens as one block: the number must be positive. This is a bug in the context strategy."
              .formatted(chunk));
    }
    return chunk;
  }

  private void readBlock(int count) {
    PassBlock block =
        Patience.with(
            cache,
            options.cancelled(),
            () -> {
              admit(count);
              return begin(count);
            });
    forward.run(List.of(block));
    end(block);
  }

  private void admit(int count) {
    cache.admit(count + strategy.mostProbeTokens(), options.cancelled());
  }

  /**
   * Takes a generated token for a pass and waits until there is memory for it and its guesses. To
   * be called while the thread reads nothing, in other sessions either: those it waits for may wait
   * for them.
   */
  void prepare(TokenTree tree) {
    if (tree.size() > 1 && !strategy.mayBranch()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot read guesses: the context strategy remembers what it has seen, and cannot forget a wrong guess (%d rows). Read one token at a time, or choose another context."
              .formatted(tree.size()));
    }
    for (int row = 1; row < tree.size(); row++) {
      requireKnown(tree.token(row));
    }
    take(Phase.GENERATED, new int[] {tree.token(0)}, 0, 1);
    digest();
    while (pending.size() > 1) {
      readBlock(1);
    }
    admit(tree);
  }

  /** Waits for memory, again after a {@link #begin} that was refused what was promised. */
  void admit(TokenTree tree) {
    admit(tree.size());
    prepared = true;
  }

  /** How long to ask for memory that a device refuses. */
  Patience patience() {
    return new Patience(cache, options.cancelled());
  }

  /** Begins the pass of a prepared tree, to be followed by {@link #end} once it was read. */
  TreePass begin(TokenTree tree) {
    prepared = false;
    long afterRow0 = length() + 1;
    TreePass pass =
        new TreePass(
            tree,
            watchers.taps(),
            depth -> decoder.spec().encodings(afterRow0 + depth),
            (ids, first, branches) ->
                new PassBlock(
                    ids,
                    first,
                    ids.length,
                    branches,
                    strategy,
                    cache,
                    options.cancelled(),
                    BlockHooks.NONE));
    reserve(tree.size(), decoder.batcher().limit());
    return pass;
  }

  private PassBlock begin(int count) {
    boolean allNeeded = isScoring() || watchers.hooks().exports(decoder.spec().layers());
    return begin(
            pending.first(count),
            allNeeded ? count : 1,
            watchers.taps(),
            phase == Phase.GENERATED ? BlockHooks.NONE : watchers.hooks())
        .watched(watchers.probabilities());
  }

  private PassBlock begin(int[] ids, int needed, AttendTaps watching, BlockHooks blockHooks) {
    int count = ids.length;
    Branch all = new Branch(0, count, null, decoder.spec().encodings(length() + count), watching);
    PassBlock block =
        new PassBlock(
            ids, 0, needed, List.of(all), strategy, cache, options.cancelled(), blockHooks);
    reserve(count, count);
    return block;
  }

  private boolean isScoring() {
    return watchers.scores().isPresent() || strategy.wantsScores();
  }

  /**
   * Opens rows of the cache.
   *
   * @param together rows of the longest pass that reads them, with those of other sessions
   */
  private void reserve(int count, int together) {
    try {
      PassBlock.requireGoingOn(options.cancelled(), length());
      // before the rows: while those are read no page can go where there is no room
      cache.withRoom(
          () -> {
            forward.reserve(together);
            return forward;
          });
      cache.reserve(count);
    } catch (Throwable e) {
      // gives back what was admitted, too
      cache.rollback();
      throw e;
    }
    inPass = true;
  }

  /**
   * Makes a block that was read part of the document, or forgets one that failed and throws why.
   */
  private void end(PassBlock block) {
    inPass = false;
    int[] ids = block.ids();
    long first = length();
    double[] surprises = new double[0];
    try {
      block.requireRead();
      if (isScoring()) {
        surprises = head.surprises(first == 0 ? null : last, block.hidden(), ids);
      }
      counts.notePeaks(cache);
      cache.commit();
    } catch (Throwable e) {
      cache.rollback();
      throw e;
    }
    pending.drop(ids.length);
    counts.attended(block.attended());
    committed(ids, surprises, block.last());
    watchers.exported(first, block);
  }

  /**
   * Makes the token of a tree that was read part of the document, with the guesses that will be
   * accepted; or forgets a tree that failed and throws why.
   */
  void end(TreePass pass) {
    try {
      pass.requireRead();
      counts.notePeaks(cache);
      pass.accept(0);
    } catch (Throwable e) {
      inPass = false;
      cache.rollback();
      throw e;
    }
    if (pass.tree().size() == 1) {
      settle(pass);
    }
  }

  /** A guess is right: what watches the session is told of it. */
  void accept(TreePass pass, int row) {
    pass.accept(row);
  }

  /** Keeps the accepted rows of a tree, and forgets the others. */
  void settle(TreePass pass) {
    if (!inPass) {
      return;
    }
    inPass = false;
    int[] rows = pass.accepted();
    int[] ids = Arrays.stream(rows).map(pass.tree()::token).toArray();
    double[] surprises = new double[0];
    try {
      if (isScoring()) {
        surprises = surprises(pass, rows, ids);
      }
      cache.commit(rows);
    } catch (Throwable e) {
      cache.rollback();
      throw e;
    }
    pending.drop(1);
    counts.attended(pass.attended());
    committed(ids, surprises, pass.hidden(rows[rows.length - 1]));
  }

  private double[] surprises(TreePass pass, int[] rows, int[] ids) {
    boolean predicted = length() > 0;
    double[] surprises = new double[predicted ? rows.length : rows.length - 1];
    for (int i = rows.length - surprises.length, at = 0; i < rows.length; i++, at++) {
      float[] before = i == 0 ? head.logits(last).get(0) : pass.logits(rows[i - 1]);
      surprises[at] = Head.surprise(before, ids[i]);
    }
    return surprises;
  }

  /** Tokens became part of the document; the first of it has no surprise. */
  private void committed(int[] ids, double[] surprises, float[] hidden) {
    int count = ids.length;
    long first = length() - count;
    last.write(0, hidden);
    if (phase == Phase.GENERATED) {
      counts.decoded(count);
    } else {
      counts.prefilled(count);
    }
    int unpredicted = count - surprises.length;
    if (strategy.wantsScores()) {
      strategy.scored(first + unpredicted, surprises);
    }
    undigested = true;
    Optional<TokenScores> scores = watchers.scores();
    for (int i = 0; scores.isPresent() && i < surprises.length; i++) {
      scores.get().add(first + unpredicted + i, ids[unpredicted + i], surprises[i]);
    }
    digest();
  }

  /**
   * Lets the strategy look at what was read and keep what it wants. If that fails it is done before
   * the next block.
   */
  private void digest() {
    if (!undigested) {
      return;
    }
    probe();
    Rows kept = strategy.retain(cache.held(), cache.length());
    if (!kept.equals(cache.held())) {
      cache.retain(kept);
    }
    strategy
        .gather(cache.held(), cache.length())
        .ifPresent(
            wanted -> {
              cache.gather(wanted);
              strategy.gathered();
            });
    undigested = false;
  }

  /** Reads what the strategy wants to be read behind the block, and forgets it. */
  private void probe() {
    int[] ids = strategy.probe(length());
    if (ids.length == 0) {
      return;
    }
    PassBlock block = begin(ids, 1, AttendTaps.NONE, BlockHooks.NONE);
    try {
      forward.run(List.of(block));
      block.requireRead();
      counts.notePeaks(cache);
      counts.attended(block.attended());
    } finally {
      inPass = false;
      cache.rollback();
    }
  }

  private void requireRead(String purpose) {
    if (length() == 0 || pending.size() > 0) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot %s: %s."
              .formatted(
                  purpose,
                  pending.size() > 0
                      ? "%d tokens are pending. Flush them first".formatted(pending.size())
                      : "nothing was read yet. Feed at least one token first"));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot use the session: it is closed. Open another.");
    }
    if (prepared || inPass) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot use the session: a token of it is being read. Wait for that.");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      last.close();
      forward.close();
      cache.close();
      decoder.release();
    }
  }
}
