package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;

/**
 * The first tokens, the newest ones, and of those between the ones that a hierarchical search finds
 * for each block: stage by stage the best chunks are kept and cut into smaller ones. All of them
 * stand at consecutive positions.
 *
 * <p>Every token stays cached. While single tokens are generated, a stage is searched anew only
 * every so many tokens.
 */
final class InfiniteHip implements ContextStrategy {
  static final ContextFactory FACTORY = new InfiniteHipFactory();

  /**
   * A stage of the search.
   *
   * @param chunk tokens of a chunk, a multiple of the next stage's
   * @param keep tokens of the chunks that are kept
   * @param refresh generated tokens for which a result serves
   * @param stride neighbouring queries whose mean asks
   */
  record Stage(int chunk, long keep, int refresh, int stride) {
    /** Chunks that are kept. */
    int chunksKept() {
      return (int) Math.max(1, keep / chunk);
    }

    /** Tokens of these chunks. */
    long tokensKept() {
      return (long) chunksKept() * chunk;
    }
  }

  /**
   * @param global tokens at the beginning that are always seen
   * @param local newest tokens before the block that are always seen
   * @param stages of the search, the coarsest first
   * @param earlyKeep what the last stage keeps in the first layers
   * @param earlyLayers number of those layers
   */
  record Settings(
      long global,
      long local,
      List<Stage> stages,
      long earlyKeep,
      int earlyLayers,
      ChunkSearch.Probing probing,
      int chunk) {

    /** Most positions in use: an incomplete chunk of the first stage counts with the newest. */
    long positions() {
      long kept = 0;
      for (int layer = 0; layer <= earlyLayers; layer++) {
        kept = Math.max(kept, stagesOf(layer).get(stages.size() - 1).tokensKept());
      }
      return global + kept + local + stages.get(0).chunk - 1 + chunk;
    }

    List<Stage> stagesOf(int layer) {
      if (layer >= earlyLayers) {
        return stages;
      }
      List<Stage> early = new ArrayList<>(stages);
      Stage last = stages.get(stages.size() - 1);
      early.set(stages.size() - 1, new Stage(last.chunk, earlyKeep, last.refresh, last.stride));
      return early;
    }
  }

  private final Settings settings;
  // of each layer, first rows of the chunks that each stage kept for each list
  private final Map<Integer, long[][][]> foundByLayer = new HashMap<>();
  // generated tokens since the last longer block
  private long singles;
  private long length;

  InfiniteHip(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return settings.chunk - (int) (read % settings.chunk);
  }

  @Override
  public int questionChunk() {
    return settings.chunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    KvView cache = request.cache();
    List<Stage> stages = settings.stagesOf(request.layer());
    int coarse = stages.get(0).chunk;
    // whole chunks: what is left of one is seen with the newest tokens
    long chunks = (request.firstRow() - settings.local - settings.global) / coarse;
    if (chunks <= 0 || everythingIsKept(stages, chunks * coarse)) {
      return Packed.plan(cache.held(), cache.end());
    }
    long middleEnd = settings.global + chunks * coarse;
    Stage last = stages.get(stages.size() - 1);
    Rows.Builder rows = Rows.builder();
    for (long[] list : search(request, stages, middleEnd)) {
      rows.range(0, settings.global);
      for (long from : list) {
        rows.range(from, from + last.chunk);
      }
      rows.range(middleEnd, cache.end()).endGroup();
    }
    return Packed.plan(rows.build(), cache.end());
  }

  private static boolean everythingIsKept(List<Stage> stages, long tokens) {
    return stages.stream().allMatch(stage -> stage.tokensKept() >= tokens);
  }

  /** First rows of the chunks that the last stage keeps, in order, for each list. */
  private long[][] search(PlanRequest request, List<Stage> stages, long middleEnd) {
    // as the code has it: the window without a chunk of the first stage
    long away = Math.max(0, settings.local - stages.get(0).chunk);
    ChunkSearch search = new ChunkSearch(request, settings.probing, away);
    long[][][] found =
        foundByLayer.computeIfAbsent(request.layer(), layer -> new long[stages.size()][][]);
    long[] all = new long[(int) ((middleEnd - settings.global) / stages.get(0).chunk)];
    Arrays.setAll(all, i -> settings.global + (long) i * stages.get(0).chunk);
    long[][] candidates = search.forEachList(all);
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      boolean serves = request.tokens() == 1 && singles % stage.refresh != 0 && found[i] != null;
      if (!serves) {
        found[i] = search.best(candidates, stage);
      }
      if (i + 1 < stages.size()) {
        candidates = cut(found[i], stage.chunk, stages.get(i + 1).chunk);
      }
    }
    return found[stages.size() - 1];
  }

  private static long[][] cut(long[][] lists, int chunk, int smaller) {
    int parts = chunk / smaller;
    long[][] cut = new long[lists.length][];
    for (int g = 0; g < lists.length; g++) {
      long[] list = lists[g];
      cut[g] = new long[list.length * parts];
      Arrays.setAll(cut[g], i -> list[i / parts] + (long) (i % parts) * smaller);
    }
    return cut;
  }

  @Override
  public Rows retain(Rows held, long read) {
    singles = read - length == 1 ? singles + 1 : 0;
    length = read;
    return held;
  }

  @Override
  public ContextStrategy fork() {
    InfiniteHip fork = new InfiniteHip(settings);
    // of the lists in an array none is ever changed
    foundByLayer.forEach((layer, found) -> fork.foundByLayer.put(layer, found.clone()));
    fork.singles = singles;
    fork.length = length;
    return fork;
  }
}
