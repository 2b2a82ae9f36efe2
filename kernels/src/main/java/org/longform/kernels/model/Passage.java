package org.longform.kernels.model;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Patience;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.PlacedContext;
import org.longform.kernels.context.PlanRequest;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.device.QueryRowsRequest;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Tensor;

/**
 * Tokens on their way through the layers, with keys and values of their own: layers run in ranges,
 * between which tokens may be left out and two passages may be joined. Each token stands at the
 * position it was given, whatever its place. Attention is causal, in the order of the tokens.
 *
 * <p>What a passage went through to the end is the beginning of a {@link #session}. Used by one
 * thread at a time; whoever gets one closes it.
 */
public final class Passage implements AutoCloseable {
  private final Decoder decoder;
  private final SessionOptions options;
  private Token[] tokens;
  private int layers;
  private double[] significance;
  // (T, M) residual stream before the next layer
  private Tensor hidden;
  // rows are reserved as long as there are layers to run, then committed
  private KvCache cache;
  private boolean running;
  private boolean closed;

  /**
   * A token of a passage.
   *
   * @param position where it stands
   * @param origin what the caller knows it by
   */
  public record Token(int id, double position, long origin) {}

  /** Chooses the tokens that go on. */
  public interface Choice {
    /**
     * @param significance of each token: the largest of the last token's scaled logits for it over
     *     all heads, in the layer that was run last
     * @return places of the tokens that go on, in increasing order, the last token's among them
     */
    int[] choose(double[] significance);
  }

  /** Fills keys and values of one layer, (T, G*D) each. */
  private interface Fill {
    void fill(int layer, float[] keys, float[] values);
  }

  private Passage(Decoder decoder, SessionOptions options, Token[] tokens, int layers) {
    this.decoder = decoder;
    this.options = options;
    this.tokens = tokens;
    this.layers = layers;
    this.significance = new double[tokens.length];
    decoder.hold();
  }

  /** Refuses models in which a layer cannot be cut, or tells distances by what was left out. */
  private static void requireRanges(DecoderSpec spec) {
    String why = null;
    if (spec.reaches().stream().anyMatch(LayerReach::isLimited)) {
      why =
          "some of its layers have a window of their own, whose distances change when tokens are left out";
    } else if (spec.has(DecoderSpec.Trait.PARALLEL)) {
      why = "both halves of its layers get the same, so that no token can be left out between them";
    }
    if (why != null) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot read in ranges of layers with a model of family '%s': %s. Read sequentially, or use another model."
              .formatted(spec.family(), why));
    }
  }

  static Passage begin(Decoder decoder, SessionOptions options, List<Token> tokens) {
    requireRanges(decoder.spec());
    for (Token token : tokens) {
      if (token.id < 0 || token.id >= decoder.spec().vocabulary()) {
        throw new LongformException(
            ErrorClass.INVALID_INPUT,
            "Cannot read token %d: it is not in the vocabulary (0 to %d). Use the tokenizer that belongs to the model."
                .formatted(token.id, decoder.spec().vocabulary() - 1));
      }
    }
    Passage passage = new Passage(decoder, options, tokens.toArray(new Token[0]), 0);
    try {
      try (ForwardPass forward = new ForwardPass(decoder)) {
        passage.hidden = forward.embed(passage.ids());
      }
      passage.open(List.of(), (layer, keys, values) -> {});
      return passage;
    } catch (Throwable e) {
      passage.close();
      throw e;
    }
  }

  /**
   * Two passages that went through the same layers as one: their first tokens and their last ones,
   * which are the same in both, become the means of both; what is between stands side by side.
   * Nobody is renumbered.
   *
   * @param head number of first tokens that are the same
   * @param tail number of last tokens that are the same
   */
  public static Passage join(Passage left, Passage right, int head, int tail) {
    requireAlike(left, right, head, tail);
    int fromLeft = left.tokens.length - tail;
    int between = right.tokens.length - head - tail;
    // the left tokens without the tail, the right ones without the head, the tail
    int[] leftRow = new int[fromLeft + between + tail];
    int[] rightRow = new int[leftRow.length];
    Token[] tokens = new Token[leftRow.length];
    for (int i = 0; i < tokens.length; i++) {
      boolean inTail = i >= fromLeft + between;
      leftRow[i] = i < fromLeft ? i : inTail ? i - between : -1;
      rightRow[i] = i < head ? i : i >= fromLeft ? i - fromLeft + head : -1;
      tokens[i] = leftRow[i] >= 0 ? left.tokens[leftRow[i]] : right.tokens[rightRow[i]];
    }
    Passage joined = new Passage(left.decoder, left.options, tokens, left.layers);
    try {
      for (int i = 0; i < tokens.length; i++) {
        joined.significance[i] =
            leftRow[i] >= 0 ? left.significance[leftRow[i]] : right.significance[rightRow[i]];
      }
      joined.hidden =
          Tensor.of(
              means(
                  left.hidden.toArray(),
                  right.hidden.toArray(),
                  leftRow,
                  rightRow,
                  left.decoder.spec().hidden()),
              tokens.length,
              left.decoder.spec().hidden());
      joined.open(
          List.of(left.cache, right.cache),
          (layer, keys, values) -> {
            int width = left.decoder.spec().kvWidth(layer);
            float[] leftKeys = new float[left.tokens.length * width];
            float[] leftValues = new float[leftKeys.length];
            left.read(layer, leftKeys, leftValues);
            float[] rightKeys = new float[right.tokens.length * width];
            float[] rightValues = new float[rightKeys.length];
            right.read(layer, rightKeys, rightValues);
            copy(means(leftKeys, rightKeys, leftRow, rightRow, width), keys);
            copy(means(leftValues, rightValues, leftRow, rightRow, width), values);
          });
      return joined;
    } catch (Throwable e) {
      joined.close();
      throw e;
    }
  }

  private static void requireAlike(Passage left, Passage right, int head, int tail) {
    boolean alike =
        left.decoder == right.decoder
            && left.layers == right.layers
            && !left.running
            && !right.running
            && Math.min(left.tokens.length, right.tokens.length) >= head + tail;
    for (int i = 0; alike && i < head + tail; i++) {
      int back = head + tail - i;
      Token a = i < head ? left.tokens[i] : left.tokens[left.tokens.length - back];
      Token b = i < head ? right.tokens[i] : right.tokens[right.tokens.length - back];
      alike = a.id == b.id && a.position == b.position;
    }
    if (!alike) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot join passages of %d and %d tokens after %d and %d layers: their first %d and last %d tokens are not the same, or layers are to be run. This is a bug in the reading strategy."
              .formatted(
                  left.tokens.length, right.tokens.length, left.layers, right.layers, head, tail));
    }
  }

  /** The rows of both sides, or of one where the other has none (-1). */
  private static float[] means(float[] left, float[] right, int[] leftRow, int[] rightRow, int w) {
    float[] out = new float[leftRow.length * w];
    for (int i = 0; i < leftRow.length; i++) {
      for (int d = 0; d < w; d++) {
        float a = leftRow[i] < 0 ? right[rightRow[i] * w + d] : left[leftRow[i] * w + d];
        float b = rightRow[i] < 0 ? a : right[rightRow[i] * w + d];
        out[i * w + d] = a + (b - a) / 2;
      }
    }
    return out;
  }

  private static void copy(float[] source, float[] target) {
    System.arraycopy(source, 0, target, 0, source.length);
  }

  /** Its tokens, in order. */
  public List<Token> tokens() {
    return List.of(tokens);
  }

  /** Number of tokens. */
  public int length() {
    return tokens.length;
  }

  /** Layers run so far. */
  public int layers() {
    return layers;
  }

  /** Bytes of keys and values in memory. */
  public long kvBytes() {
    return cache == null ? 0 : cache.bytes() - cache.diskBytes() - cache.pinnedBytes();
  }

  /** Bytes of keys and values on disk. */
  public long kvDiskBytes() {
    return cache == null ? 0 : cache.diskBytes();
  }

  /**
   * Runs the layers up to {@code to}. In the last of them, between attention and feed-forward part,
   * tokens may be left out; their keys and values leave all layers run so far. Where no layer is
   * run, tokens are left out by what they meant in the last one that was.
   *
   * @param to one past the last layer
   */
  public void run(int to, Choice choice) {
    if (to < layers || to > decoder.spec().layers() || (to == layers && layers == 0)) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot run layers %d to %d: the model has %d. This is a bug in the reading strategy."
              .formatted(layers, to, decoder.spec().layers()));
    }
    if (!running) {
      reopen(IntStream.range(0, tokens.length).toArray());
    }
    int[] kept;
    if (to == layers) {
      kept = checked(choice.choose(significance.clone()));
      Tensor left = rows(hidden, kept);
      hidden.close();
      hidden = left;
    } else {
      kept = runLayers(to, choice);
    }
    layers = to;
    running = false;
    cache.commit();
    if (kept.length < tokens.length) {
      leave(kept);
    }
  }

  private int[] runLayers(int to, Choice choice) {
    Attending attending = new Attending(to - 1);
    double highest = Arrays.stream(tokens).mapToDouble(Token::position).max().orElse(0);
    PassBlock block =
        new PassBlock(
            ids(),
            0,
            1,
            List.of(
                new Branch(
                    0,
                    tokens.length,
                    null,
                    decoder.spec().encodings((long) highest + 1),
                    AttendTaps.NONE)),
            attending,
            cache,
            options.cancelled(),
            BlockHooks.NONE);
    int[][] kept = new int[1][];
    try (ForwardPass forward = new ForwardPass(decoder)) {
      Tensor left =
          forward.run(
              block,
              layers,
              to,
              hidden,
              () -> {
                significance = attending.significance;
                kept[0] = checked(choice.choose(significance.clone()));
                return kept[0];
              });
      hidden.close();
      hidden = left;
      return kept[0];
    }
  }

  private int[] checked(int[] kept) {
    boolean fine = kept.length > 0 && kept[kept.length - 1] == tokens.length - 1 && kept[0] >= 0;
    for (int i = 1; fine && i < kept.length; i++) {
      fine = kept[i] > kept[i - 1];
    }
    if (!fine) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot leave out tokens of a passage of %d: %s go on, which must be in increasing order and end with the last. This is a bug in the reading strategy."
              .formatted(tokens.length, Arrays.toString(kept)));
    }
    return kept;
  }

  /** Causal attention at the tokens' positions, which tells what the last token thinks of them. */
  private final class Attending implements ContextStrategy {
    private final ContextStrategy placed =
        new PlacedContext(Arrays.stream(tokens).mapToDouble(Token::position).toArray());
    private final int judgingLayer;
    private final double[] significance = new double[tokens.length];

    Attending(int judgingLayer) {
      this.judgingLayer = judgingLayer;
    }

    @Override
    public int nextChunk(long read, long promptTokens) {
      return tokens.length;
    }

    @Override
    public int questionChunk() {
      return tokens.length;
    }

    @Override
    public AttentionPlan plan(PlanRequest request) {
      AttentionPlan plan = placed.plan(request);
      if (request.layer() == judgingLayer) {
        Arrays.fill(significance, Double.NEGATIVE_INFINITY);
        request
            .kernels()
            .logits(
                new QueryRowsRequest(
                    request.queries(),
                    request.cache(),
                    plan,
                    request.encoding(),
                    decoder.spec().attentionScale(),
                    decoder.spec().design().softCaps().attention(),
                    new QueryRange(tokens.length - 1L, tokens.length)),
                (head, row, rows, logits) -> {
                  for (int i = 0; i < rows.length; i++) {
                    int at = Math.toIntExact(rows[i]);
                    significance[at] = Math.max(significance[at], logits[i]);
                  }
                });
      }
      return plan;
    }
  }

  /**
   * Makes a cache with room for all tokens and fills the layers that were run.
   *
   * @param sources what the filling reads
   */
  private void open(List<KvCache> sources, Fill fill) {
    cache = decoder.cache(options);
    // nothing may be pinned here: who waits for memory must let others have theirs
    Patience.with(
        cache,
        options.cancelled(),
        () -> {
          cache.admit(tokens.length, options.cancelled());
          cache.reserve(tokens.length);
          return cache;
        });
    running = true;
    Runnable filling = () -> fillLayers(fill);
    for (KvCache source : sources) {
      Runnable inner = filling;
      filling = () -> source.whilePinned(inner);
    }
    filling.run();
  }

  private void fillLayers(Fill fill) {
    for (int layer = 0; layer < layers; layer++) {
      int width = decoder.spec().kvWidth(layer);
      try (Tensor keys = Tensor.allocate(tokens.length, width);
          Tensor values = Tensor.allocate(tokens.length, width)) {
        float[] someKeys = new float[tokens.length * width];
        float[] someValues = new float[someKeys.length];
        fill.fill(layer, someKeys, someValues);
        keys.write(0, someKeys);
        values.write(0, someValues);
        cache.put(layer, 0, keys, values);
      }
    }
  }

  /** Makes the cache anew, with some of its rows. */
  private void reopen(int[] kept) {
    int all = tokens.length;
    try (Passage source = new Passage(decoder, options, tokens, layers)) {
      source.cache = cache;
      cache = null;
      tokens = Arrays.stream(kept).mapToObj(i -> source.tokens[i]).toArray(Token[]::new);
      open(
          List.of(source.cache),
          (layer, keys, values) -> {
            int width = decoder.spec().kvWidth(layer);
            float[] allKeys = new float[all * width];
            float[] allValues = new float[allKeys.length];
            source.read(layer, allKeys, allValues);
            for (int i = 0; i < kept.length; i++) {
              System.arraycopy(allKeys, kept[i] * width, keys, i * width, width);
              System.arraycopy(allValues, kept[i] * width, values, i * width, width);
            }
          });
    }
  }

  /** Leaves out all but some tokens, whose residual stream is here already. */
  private void leave(int[] kept) {
    reopen(kept);
    significance = Arrays.stream(kept).mapToDouble(i -> significance[i]).toArray();
    running = false;
    cache.commit();
  }

  /** Keys and values of one layer, (T, G*D) each. */
  private void read(int layer, float[] keys, float[] values) {
    KvView view = cache.view(layer);
    int headDim = view.headDim();
    float[] one = new float[headDim];
    for (int row = 0; row < tokens.length; row++) {
      for (int g = 0; g < view.kvHeads(); g++) {
        int at = (row * view.kvHeads() + g) * headDim;
        view.readKey(g, row, one);
        System.arraycopy(one, 0, keys, at, headDim);
        view.readValue(g, row, one);
        System.arraycopy(one, 0, values, at, headDim);
      }
    }
  }

  private static Tensor rows(Tensor source, int[] kept) {
    int width = Math.toIntExact(source.shape().rowElements());
    Tensor out = Tensor.allocate(kept.length, width);
    float[] row = new float[width];
    for (int i = 0; i < kept.length; i++) {
      source.read((long) kept[i] * width, row);
      out.write((long) i * width, row);
    }
    return out;
  }

  private int[] ids() {
    return Arrays.stream(tokens).mapToInt(Token::id).toArray();
  }

  /**
   * A session that goes on behind the last token, at the position after its. It takes the keys and
   * values over: the passage is closed.
   *
   * @throws LongformException INTERNAL if layers are left to run
   */
  public Session session() {
    if (running || layers != decoder.spec().layers()) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot go on behind the passage: it went through %d of %d layers. This is a bug in the reading strategy."
              .formatted(layers, decoder.spec().layers()));
    }
    KvCache given = cache;
    cache = null;
    float[] last = hidden.rows(tokens.length - 1L, 1).toArray();
    ContextStrategy placed =
        new PlacedContext(Arrays.stream(tokens).mapToDouble(Token::position).toArray());
    try {
      return Session.behind(decoder, placed, options, given, last);
    } finally {
      close();
    }
  }

  /** (T, M) residual stream before the next layer, for tests. */
  float[] hidden() {
    return hidden.toArray();
  }

  /** What one layer sees, for tests. */
  KvView view(int layer) {
    return cache.view(layer);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (cache != null) {
      cache.close();
    }
    if (hidden != null) {
      hidden.close();
    }
    decoder.release();
  }
}
