package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.HeadMass;
import org.longform.kernels.cache.Gathering;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;

/**
 * A pot of a fixed number of tokens, at consecutive positions. Whenever it is full, a catalyst
 * prompt is read behind it and forgotten; each key/value head of each layer then keeps the tokens
 * that surprised most when they were read, and of the others those that the prompt attended to.
 */
final class InfiniPot implements ContextStrategy {
  static final ContextFactory FACTORY = new InfiniPotFactory();

  /**
   * @param pot most tokens held, those of the catalyst prompt included
   * @param kept tokens that each head keeps of a full pot
   * @param novel those of them that are kept because they surprised
   * @param catalyst tokens of the catalyst prompt
   * @param chunk tokens of a block
   */
  record Settings(int pot, int kept, int novel, int[] catalyst, int chunk) {
    /** Whether anything is kept because the catalyst prompt attended to it. */
    boolean asks() {
      return novel < kept;
    }

    /** Tokens that the pot holds without the catalyst prompt. */
    int room() {
      return asks() ? pot - catalyst.length : pot;
    }
  }

  /**
   * Heads of a layer.
   *
   * @param sharers query heads that share a key head
   * @param firstList lists of the layers before it, one for each key head
   */
  private record Heads(int kvHeads, int sharers, int firstList) {}

  private final Settings settings;
  // of each layer: a pruned model has more heads in some than in others
  private final List<Heads> heads = new ArrayList<>();
  // rows 0 to gathered-1 differ from head to head, the others are tokens from `resumed` on
  private int gathered;
  private long resumed;
  private int used;
  // of the gathered rows, for each layer and head or one for all; empty before the first time
  private List<Surprises> novelty = List.of();
  private Surprises fresh = new Surprises();
  // what the catalyst prompt attended to, for each layer and head, by place
  private boolean probing;
  private final Map<Integer, double[]> relevance = new HashMap<>();
  // what becomes true when the rows have moved
  private List<Surprises> stagedNovelty = List.of();
  private long stagedLength;

  InfiniPot(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return questionChunk();
  }

  @Override
  public int questionChunk() {
    return Math.max(1, Math.min(settings.chunk, settings.room() - used));
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    KvView cache = request.cache();
    if (request.layer() == heads.size()) {
      long queryHeads = request.queries().shape().rowElements() / cache.headDim();
      heads.add(
          new Heads(cache.kvHeads(), (int) queryHeads / cache.kvHeads(), lists(heads.size())));
    }
    return Packed.plan(cache.held(), cache.end());
  }

  /** Lists of the first layers. */
  private int lists(int layers) {
    return layers == 0 ? 0 : heads.get(layers - 1).firstList + heads.get(layers - 1).kvHeads;
  }

  @Override
  public boolean wantsScores() {
    return settings.novel > 0;
  }

  @Override
  public void scored(long first, double[] surprises) {
    fresh.scored(first, surprises);
  }

  @Override
  public int[] probe(long length) {
    relevance.clear();
    probing = settings.asks() && place(length) >= settings.room();
    return probing ? settings.catalyst.clone() : new int[0];
  }

  @Override
  public int mostProbeTokens() {
    return settings.asks() ? settings.catalyst.length : 0;
  }

  @Override
  public Optional<HeadMass> watch(int layer) {
    if (!probing) {
      return Optional.empty();
    }
    return Optional.of(
        (segment, head, row, mass) -> {
          int place = Math.toIntExact(place(row));
          Heads of = heads.get(layer);
          double[] own =
              relevance.computeIfAbsent(
                  of.firstList + head / of.sharers,
                  each -> new double[settings.pot + settings.chunk]);
          own[place] += mass;
        });
  }

  /** Where a row stands among those that are held. */
  private long place(long row) {
    return row < gathered ? row : gathered + row - resumed;
  }

  @Override
  public Optional<Gathering> gather(Rows held, long length) {
    probing = false;
    used = Math.toIntExact(held.count(0));
    if (used < settings.room()) {
      return Optional.empty();
    }
    stagedLength = length;
    stagedNovelty = new ArrayList<>();
    List<Rows> rows = new ArrayList<>();
    // with nothing but surprises to go by all heads of the document keep the same
    List<Heads> apart = relevance.isEmpty() ? List.of(new Heads(1, 1, 0)) : heads;
    for (Heads of : apart) {
      Rows.Builder lists = Rows.builder();
      for (int list = of.firstList; list < of.firstList + of.kvHeads; list++) {
        Choice choice = choose(held, list);
        choice.appendTo(lists);
        lists.endGroup();
        stagedNovelty.add(noveltyOf(list, choice.places()));
      }
      rows.add(lists.build());
    }
    return Optional.of(new Gathering(rows));
  }

  private Choice choose(Rows held, int list) {
    double[] relevant = relevance.get(list);
    Choice choice = new Choice(held);
    choice.best(settings.novel, place -> surprise(list, place));
    choice.best(settings.kept - settings.novel, place -> relevant == null ? 0 : relevant[place]);
    return choice;
  }

  private double surprise(int list, int place) {
    if (place >= gathered) {
      return fresh.at(place - gathered);
    }
    return novelty.get(novelty.size() == 1 ? 0 : list).at(place);
  }

  private Surprises noveltyOf(int list, int[] places) {
    return Surprises.of(Arrays.stream(places).mapToDouble(at -> surprise(list, at)).toArray());
  }

  @Override
  public void gathered() {
    gathered = settings.kept;
    resumed = stagedLength;
    used = gathered;
    novelty = stagedNovelty;
    fresh = new Surprises();
    relevance.clear();
  }

  @Override
  public OptionalLong mostTokensHeld() {
    return OptionalLong.of(settings.pot);
  }

  @Override
  public ContextStrategy fork() {
    InfiniPot fork = new InfiniPot(settings);
    fork.heads.addAll(heads);
    fork.gathered = gathered;
    fork.resumed = resumed;
    fork.used = used;
    fork.novelty = novelty; // never changed
    fork.fresh = fresh.copy();
    return fork;
  }
}
