package org.longform.kernels.model;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.ProbabilityTap;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.context.PlanRequest;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.AttendTaps;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.QueryRowsRequest;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.DecoderWeights.LayerWeights;
import org.longform.kernels.tensor.Tensor;

/**
 * Brings tokens through all layers: a block of one session, or a few tokens of each of several, for
 * which the weights are read once. Sessions meet in operations on single rows and in products
 * alone; keys and values, plan and attention are each one's own.
 *
 * <p>The keys and values are written to reserved rows of the caches; the caller commits them, or
 * rolls them back after a failure.
 */
final class ForwardPass implements AutoCloseable {
  private final DecoderSpec spec;
  private final DecoderWeights weights;
  private final Kernels kernels;
  private final Scratch scratch;
  private final ProjectionObserver observer;
  private final Norms norms;
  private final FeedForward feedForward;

  ForwardPass(Decoder decoder) {
    this(decoder.spec(), decoder.weights(), decoder.kernels(), ProjectionObserver.NONE);
  }

  /**
   * @param observer sees the inputs of all projections of each pass
   */
  ForwardPass(
      DecoderSpec spec, DecoderWeights weights, Kernels kernels, ProjectionObserver observer) {
    this.spec = spec;
    this.weights = weights;
    this.kernels = kernels;
    this.scratch = new Scratch(spec, kernels.memory());
    this.observer = observer;
    this.norms = new Norms(spec, kernels);
    this.feedForward = new FeedForward(spec, kernels, observer);
  }

  /**
   * Reads the blocks. A failure is noted in its block, or in all of them where they share it.
   *
   * @param blocks one of any length, or several whose rows are all needed
   * @return (rows needed, M) residual stream before the final norm, block after block; valid until
   *     the next pass; what belongs to failed blocks means nothing
   */
  Tensor run(List<PassBlock> blocks) {
    int[] ids = blocks.stream().flatMapToInt(block -> Arrays.stream(block.ids())).toArray();
    int needed = blocks.stream().mapToInt(PassBlock::needed).sum();
    Scratch.Block rows = null;
    Kernels.Turn turn = kernels.turn();
    try {
      rows = scratch.block(ids.length);
      layers(blocks, rows, ids, needed);
    } catch (Throwable e) {
      blocks.forEach(block -> block.fail(e));
    } finally {
      turn.close();
    }
    return rows == null ? null : lastRows(rows.hidden(), needed);
  }

  /**
   * Takes the memory of passes of so many rows, which they would take otherwise when they begin.
   */
  void reserve(int rows) {
    scratch.block(rows);
  }

  /**
   * Brings one block, all of whose rows are needed, through the layers from a residual stream of
   * the caller's instead of its tokens' embeddings. A failure is noted in the block.
   *
   * @param stream (T, M), overwritten
   */
  void run(PassBlock block, Tensor stream) {
    Kernels.Turn turn = kernels.turn();
    try {
      through(List.of(block), stream, block.tokens());
    } catch (Throwable e) {
      block.fail(e);
    } finally {
      turn.close();
    }
  }

  private void layers(List<PassBlock> blocks, Scratch.Block rows, int[] ids, int needed) {
    TokenEmbedding.embed(spec, kernels, weights.embedding(), ids, rows.hidden());
    int begin = 0;
    for (PassBlock block : blocks) {
      Tensor own = rows.hidden().rows(begin, block.tokens());
      guarded(block, () -> block.hooks().embeddings().apply(block.firstRow(), own));
      begin += block.tokens();
    }
    export(blocks, rows, 0);
    through(blocks, rows.hidden(), needed);
  }

  /** The layers over a residual stream (T, M). */
  private void through(List<PassBlock> blocks, Tensor stream, int needed) {
    int tokens = (int) stream.rows();
    for (int layer = 0; layer < spec.layers(); layer++) {
      // nobody reads the last layer's other rows: their keys and values are all they leave behind
      int wanted = layer == spec.layers() - 1 ? needed : tokens;
      for (PassBlock block : blocks) {
        guarded(block, block::pollCancelled);
      }
      if (blocks.stream().allMatch(PassBlock::failed)) {
        return;
      }
      Scratch.Block shaped = scratch.inLayer(scratch.block(tokens), layer).on(stream);
      attention(layer, blocks, shaped, wanted);
      feedForward(layer, shaped, wanted);
      export(blocks, shaped, layer + 1);
    }
    Tensor hidden = lastRows(stream, needed);
    int at = 0;
    for (PassBlock block : blocks) {
      block.read(hidden.rows(at, block.needed()));
      at += block.needed();
    }
  }

  /**
   * Brings one block through some of the layers. Its keys and values go to reserved rows of its
   * cache; throws what makes it fail.
   *
   * @param from first layer
   * @param to one past the last layer, above {@code from}
   * @param hidden (T, M) residual stream before the first of them
   * @param kept asked after the attention of the last of them: which rows go on, in increasing
   *     order, at least one
   * @return (rows kept, M) residual stream after the last of them; the caller closes it
   */
  Tensor run(PassBlock block, int from, int to, Tensor hidden, Supplier<int[]> kept) {
    int tokens = block.tokens();
    int[] left = null;
    Kernels.Turn turn = kernels.turn();
    try {
      copyRows(hidden, 0, scratch.block(tokens).hidden(), 0, tokens);
      for (int layer = from; layer < to; layer++) {
        Scratch.Block rows = scratch.inLayer(scratch.block(tokens), layer);
        block.pollCancelled();
        attention(layer, List.of(block), rows, tokens);
        block.requireUnfailed();
        int wanted = tokens;
        if (layer == to - 1) {
          left = kept.get();
          wanted = left.length;
          // from the last on: no row is overwritten before it was moved
          for (int i = wanted - 1; i >= 0; i--) {
            int place = tokens - wanted + i;
            if (left[i] != place) {
              copyRows(rows.hidden(), left[i], rows.hidden(), place, 1);
            }
          }
        }
        feedForward(layer, rows, wanted);
      }
      Tensor out = Tensor.allocate(left.length, spec.hidden());
      copyRows(scratch.block(tokens).hidden(), tokens - left.length, out, 0, left.length);
      return out;
    } finally {
      turn.close();
      // nobody asks how much of a part of the layers it was
      block.attendedTokens().close();
    }
  }

  /** (T, M) residual stream before the first layer; the caller closes it. */
  Tensor embed(int[] ids) {
    Tensor hidden = Tensor.allocate(ids.length, spec.hidden());
    try {
      TokenEmbedding.embed(spec, kernels, weights.embedding(), ids, hidden);
      return hidden;
    } catch (Throwable e) {
      hidden.close();
      throw e;
    }
  }

  private static void copyRows(Tensor source, int from, Tensor target, int to, int count) {
    Tensor read = source.rows(from, count);
    Tensor written = target.rows(to, count);
    long bytes = read.dtype().bytes(read.elements());
    written.memory().copyFrom(read.memory(), read.byteOffset(), written.byteOffset(), bytes);
  }

  /** Rows that somebody wants with so many layers behind them; behind the last with its norm. */
  private void export(List<PassBlock> blocks, Scratch.Block rows, int layersBehind) {
    int at = 0;
    for (PassBlock block : blocks) {
      if (block.hooks().exports(layersBehind)) {
        Tensor own = rows.hidden().rows(at, block.tokens());
        if (layersBehind == spec.layers()) {
          Tensor normed = rows.normed().rows(at, block.tokens());
          norms.apply(weights.finalNorm(), own, normed);
          own = normed;
        }
        block.export(own);
      }
      at += block.tokens();
    }
  }

  private void attention(int layer, List<PassBlock> blocks, Scratch.Block rows, int wanted) {
    LayerWeights w = weights.layer(layer);
    Tensor x = entering(w, NormPlace.ATTENTION, rows.hidden(), rows.normed());
    observer.sees(layer, ProjectionInput.ATTENTION, x);
    FeedForward.project(
        kernels,
        x,
        List.of(w.query(), w.key(), w.value()),
        List.of(rows.queries(), rows.keys(), rows.values()));
    shape(w, rows);
    int at = 0;
    for (PassBlock block : blocks) {
      int from = at;
      int answered = blocks.size() == 1 ? wanted : block.tokens();
      guarded(block, () -> attend(layer, block, rows, from, answered));
      at += block.tokens();
    }
    for (PassBlock block : blocks) {
      guarded(block, () -> block.cache().passed(layer, kernels::forget, kernels::prefetch));
    }
    Tensor mixed = lastRows(rows.mixed(), wanted);
    Tensor out = lastRows(rows.answer(), wanted);
    observer.sees(layer, ProjectionInput.OUTPUT, mixed);
    FeedForward.project(kernels, mixed, List.of(w.output()), List.of(out));
    leaving(w, NormPlace.AFTER_ATTENTION, out, lastRows(rows.hidden(), wanted));
  }

  /** What becomes of queries, keys and values before keys and values are cached. */
  private void shape(LayerWeights w, Scratch.Block rows) {
    double clip = spec.design().clip();
    if (clip < Double.POSITIVE_INFINITY) {
      for (Tensor each : List.of(rows.queries(), rows.keys(), rows.values())) {
        kernels.clamp(each, clip);
      }
    }
    if (w.norms().containsKey(NormPlace.QUERY)) {
      norms.applyToHeads(w.norms().get(NormPlace.QUERY), rows.queries());
      norms.applyToHeads(w.norms().get(NormPlace.KEY), rows.keys());
    }
  }

  /** What a half of a layer gets: the residual stream, or its norm. */
  private Tensor entering(LayerWeights w, NormPlace place, Tensor stream, Tensor normed) {
    if (!w.norms().containsKey(place)) {
      return stream;
    }
    norms.apply(w.norms().get(place), stream, normed);
    return normed;
  }

  /** Adds what a half of a layer gives to the residual stream. */
  private void leaving(LayerWeights w, NormPlace place, Tensor out, Tensor stream) {
    if (w.norms().containsKey(place)) {
      norms.apply(w.norms().get(place), out, out);
    }
    if (spec.design().scales().residual() != 1) {
      kernels.scale(out, spec.design().scales().residual());
    }
    kernels.add(stream, out);
  }

  /** The attention of one block, whose rows begin at {@code from}. */
  private void attend(int layer, PassBlock block, Scratch.Block rows, int from, int answered) {
    int tokens = block.tokens();
    kernels.store(
        block.cache(),
        layer,
        block.first(),
        rows.keys().rows(from, tokens),
        rows.values().rows(from, tokens));
    for (int i = 0; i < block.branches().size(); i++) {
      Branch branch = block.branches().get(i);
      long begin = from + (long) branch.from();
      KvView view = branch.view(block.cache(), layer);
      PlanRequest request =
          new PlanRequest(
              layer,
              rows.queries().rows(begin, branch.tokens()),
              view,
              branch.encodings().get(layer),
              kernels);
      try (AttentionPlan planned = block.strategy().plan(request)) {
        AttentionPlan plan = spec.reach(layer).of(planned);
        attend(
            request,
            plan,
            watching(request, block, branch.taps()),
            rows.mixed().rows(begin, branch.tokens()),
            Math.min(answered, branch.tokens()));
        block.probabilities().ifPresent(tap -> tell(tap, request, plan));
        block.attendedTokens().add(i, plan, view.end(), kernels.memory());
      }
    }
  }

  /** Who watches the attention of a branch in one layer. */
  private static AttendTaps watching(PlanRequest request, PassBlock block, AttendTaps taps) {
    AttendTaps all = block.strategy().watch(request.layer()).map(taps::withHeadMass).orElse(taps);
    return request.cache().isGathered() ? inTokens(request, all) : all;
  }

  /** The attention of rows that are planned together, of which the last are answered. */
  private void attend(
      PlanRequest request, AttentionPlan plan, AttendTaps taps, Tensor mixed, int answered) {
    int asking = taps.wantsMass() ? request.tokens() : answered;
    kernels.attend(
        new AttendRequest(
            lastRows(request.queries(), asking),
            request.cache(),
            plan,
            request.encoding(),
            spec.attentionScale(),
            spec.design().softCaps().attention(),
            lastRows(mixed, asking),
            taps));
  }

  /** Tells a tap how the queries that it asks for spread their attention over tokens. */
  private void tell(ProbabilityTap tap, PlanRequest request, AttentionPlan plan) {
    QueryRange asking = tap.asking(request.layer());
    if (asking.from() >= asking.to()) {
      return;
    }
    KvView view = request.cache();
    QueryRowsRequest rowsRequest =
        new QueryRowsRequest(
            request.queries(),
            view,
            plan,
            request.encoding(),
            spec.attentionScale(),
            spec.design().softCaps().attention(),
            asking);
    int sharers = rowsRequest.heads() / view.kvHeads();
    kernels.probabilities(
        rowsRequest,
        (head, query, rows, values) -> {
          for (int i = 0; i < rows.length; i++) {
            rows[i] = view.token(head / sharers, rows[i]);
          }
          tap.add(request.layer(), head, query, rows, values);
        });
  }

  /** Where rows hold other tokens than those of their numbers, who watches hears of the tokens. */
  private static AttendTaps inTokens(PlanRequest request, AttendTaps taps) {
    KvView view = request.cache();
    long sharers = request.queries().shape().rowElements() / view.headDim() / view.kvHeads();
    return taps.withTokens((head, row) -> view.token((int) (head / sharers), row));
  }

  private void feedForward(int layer, Scratch.Block rows, int wanted) {
    LayerWeights w = weights.layer(layer);
    Tensor hidden = lastRows(rows.hidden(), wanted);
    Tensor normed = lastRows(rows.normed(), wanted);
    Tensor x =
        // what the attention got is still there
        spec.has(Trait.PARALLEL) ? normed : entering(w, NormPlace.FEED_FORWARD, hidden, normed);
    feedForward.run(
        layer, w, x, lastRows(rows.gate(), wanted), lastRows(rows.up(), wanted), normed);
    leaving(w, NormPlace.AFTER_FEED_FORWARD, normed, hidden);
  }

  /** Does what concerns one block, unless it failed already. */
  private static void guarded(PassBlock block, Runnable part) {
    if (block.failed()) {
      return;
    }
    try {
      part.run();
    } catch (Throwable e) {
      block.fail(e);
    }
  }

  private static Tensor lastRows(Tensor tensor, int rows) {
    return tensor.rows(tensor.rows() - rows, rows);
  }

  @Override
  public void close() {
    scratch.close();
  }
}
