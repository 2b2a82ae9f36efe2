package org.longform.kernels.context;

import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.QueryRange;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.SpanSelection;
import org.longform.kernels.device.SpansRequest;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.Votes;
import org.longform.kernels.device.VotesRequest;

/**
 * The first tokens, the newest ones, and spans around those between whose keys match the block's
 * queries best without regard to position; all of them at consecutive positions.
 *
 * <p>Every token stays cached. The spans are chosen anew for each block in each layer, by all its
 * heads and queries together.
 */
final class ReAttention implements ContextStrategy {
  static final ContextFactory FACTORY = new ReAttentionFactory();

  /** Rows that the published kernel compares at once, and its grain for the middle. */
  static final int BLOCK = 128;

  /** How closely the published program is followed. */
  enum Profile {
    /** The method: exact selection, any lengths, block borders that depend on nothing. */
    CLEAN,
    /**
     * The published program: middle in steps of 128, one candidate for each 128 keys in prefill.
     * One thing differs: with top-k 1, of equal best scores in different blocks of keys the earlier
     * one is taken.
     */
    FAITHFUL
  }

  /** Which blocks select, and what the others see. */
  enum Recall {
    DEFAULT,
    FULL_ATTN,
    GENERATE_ONLY,
    PREFILL_ONLY,
    /** Not published: blocks see nothing of the middle, so that reading costs the same anywhere. */
    DECODE_ONLY;

    Middle middle(int tokens) {
      boolean single = tokens == 1;
      return switch (this) {
        case DEFAULT -> Middle.CHOSEN;
        case FULL_ATTN -> Middle.ALL;
        case GENERATE_ONLY -> single ? Middle.CHOSEN : Middle.ALL;
        case PREFILL_ONLY -> single ? Middle.ALL : Middle.CHOSEN;
        case DECODE_ONLY -> single ? Middle.CHOSEN : Middle.NONE;
      };
    }
  }

  /** What a block sees of the tokens between the global and the local ones. */
  private enum Middle {
    ALL,
    CHOSEN,
    NONE
  }

  /** Which tokens the local size counts. */
  enum LocalCounts {
    /** The newest ones, the block included (published). */
    ALL,
    /** Those before the block. */
    PAST
  }

  /** In what order voted tokens are served. */
  enum RecallOrder {
    AUTO,
    VOTES,
    RANK
  }

  /** Sizes in tokens. */
  record Sizes(long global, long local, LocalCounts localCounts, int chunk, int questionChunk) {

    /** Most positions that are used when nothing is recalled. */
    long positions() {
      return global + local + (localCounts == LocalCounts.PAST ? largestBlock() : 0);
    }

    int largestBlock() {
      return Math.max(chunk, questionChunk);
    }
  }

  /**
   * How the middle is searched.
   *
   * @param topK votes of each head and query, 0 to see nothing of the middle
   */
  record Search(
      int topK,
      TopKeysRequest.Pairing pairing,
      TopKeysRequest.KeyNorm keyNorm,
      SpanSelection spans,
      RecallOrder order) {}

  private final Profile profile;
  private final Recall recall;
  private final Sizes sizes;
  private final Search search;

  ReAttention(Profile profile, Recall recall, Sizes sizes, Search search) {
    this.profile = profile;
    this.recall = recall;
    this.sizes = sizes;
    this.search = search;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    if (profile == Profile.FAITHFUL && promptTokens > 0) {
      return publishedChunk(read, promptTokens);
    }
    // borders at multiples of the chunk size, so that equal beginnings have equal caches
    return sizes.chunk - (int) (read % sizes.chunk);
  }

  @Override
  public boolean dependsOnPromptLength() {
    return profile == Profile.FAITHFUL;
  }

  /** A first block that makes all later ones multiples of 128; the last token comes alone. */
  private int publishedChunk(long read, long promptTokens) {
    long last = promptTokens - 1;
    long first =
        sizes.global
            + sizes.local
            - (BLOCK - Math.floorMod(last - sizes.global + sizes.local, (long) BLOCK));
    long next = read == 0 ? Math.min(first, last) : Math.min(sizes.chunk, last - read);
    return (int) Math.max(1, next);
  }

  @Override
  public int questionChunk() {
    return sizes.questionChunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    return Packed.plan(seen(request), request.cache().end());
  }

  private Rows seen(PlanRequest request) {
    KvView cache = request.cache();
    long first = request.firstRow();
    long middleEnd = middleEnd(first, cache.end());
    boolean fits = first == 0 || middleEnd <= sizes.global;
    Middle middle = recall.middle(request.tokens());
    if (fits || middle == Middle.ALL) {
      return cache.held();
    }
    Rows seen =
        middle == Middle.CHOSEN && search.topK > 0 ? select(request, middleEnd) : Rows.none();
    return seen.between(Rows.range(0, sizes.global), Rows.range(middleEnd, cache.end()));
  }

  /** One past the last token that is neither global nor local. */
  private long middleEnd(long first, long end) {
    if (sizes.localCounts == LocalCounts.PAST) {
      return first - sizes.local;
    }
    long middle = end - sizes.global - sizes.local;
    if (profile == Profile.FAITHFUL && search.topK > 0 && middle > 0) {
      // the local window shrinks by 1 to 128 tokens until the middle is a multiple of 128
      return sizes.global + (middle / BLOCK + 1) * BLOCK;
    }
    return end - sizes.local;
  }

  private Rows select(PlanRequest request, long middleEnd) {
    boolean single = request.tokens() == 1;
    // the published kernel serves these two only; all else is exact there too
    boolean blockwise =
        profile == Profile.FAITHFUL && !single && (search.topK == 1 || search.topK == 4);
    TopKeysRequest.Scoring scoring =
        new TopKeysRequest.Scoring(
            TopKeysRequest.QueryTurn.NONE,
            blockwise ? TopKeysRequest.Pairing.GROUP : search.pairing,
            search.keyNorm,
            blockwise ? BLOCK : 1);
    TopKeysRequest keys =
        new TopKeysRequest(
            request.queries(),
            request.cache(),
            sizes.global,
            middleEnd,
            QueryRange.ALL,
            search.topK,
            scoring);
    if (blockwise && keys.answers() < search.topK) {
      // with fewer than four blocks of keys the kernel's empty slots vote for the first token
      long[] voted =
          Votes.of(request.kernels().topKeys(keys))
              .filledUpTo(search.topK, sizes.global)
              .first(search.spans.limit(), order(single));
      return search.spans.select(voted, sizes.global, middleEnd);
    }
    return request.kernels().spans(new SpansRequest(keys, order(single), search.spans));
  }

  private VotesRequest.Order order(boolean single) {
    return switch (search.order) {
      case VOTES -> VotesRequest.Order.VOTES;
      case RANK -> VotesRequest.Order.RANK;
      // the few votes of a single token are nearly all for different tokens: counts say nothing
      case AUTO ->
          single && search.spans.budget() != SpanSelection.UNLIMITED
              ? VotesRequest.Order.RANK
              : VotesRequest.Order.VOTES;
    };
  }

  @Override
  public Rows retain(Rows held, long length) {
    boolean middleIsNeverSeen =
        search.topK == 0
            && (recall == Recall.DEFAULT || recall == Recall.DECODE_ONLY)
            && length > sizes.global + sizes.local;
    return middleIsNeverSeen
        ? Rows.builder().range(0, sizes.global).range(length - sizes.local, length).build()
        : held;
  }

  @Override
  public boolean mayBranch() {
    return true;
  }
}
