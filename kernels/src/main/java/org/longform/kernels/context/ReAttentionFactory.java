package org.longform.kernels.context;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.longform.kernels.device.SpanSelection;
import org.longform.kernels.device.TopKeysRequest;

/** The parameters of {@link ReAttention}, their defaults and what does not go together. */
final class ReAttentionFactory implements ContextFactory {
  /** Models trained on at least this many tokens get the published sizes. */
  private static final long PUBLISHED_WINDOW = 8192;

  private static final long PUBLISHED_CLIP = 127;

  /** Value of a limit that is to follow from the others. */
  private static final long AUTOMATIC = 0;

  @Override
  public String name() {
    return "reattention";
  }

  @Override
  public String description() {
    return "Every block sees the first tokens, the newest ones, and in every layer those spans between them that match its "
        + "queries best without regard to position. All of them stand at consecutive positions within the trained "
        + "window. Spans are chosen anew in every layer and step, so facts are found anywhere in the document.";
  }

  @Override
  public String whenToUse() {
    return "For answers from anywhere in a document; it is the default. Many facts that look nearly alike are its known "
        + "weakness.";
  }

  @Override
  public String cost() {
    return "Time grows with the square of the length, at half the rate of full attention; with recall-option decode_only "
        + "linearly while the document is read. Memory grows with the length: the whole document stays in the cache, "
        + "of which colder parts may lie on disk.";
  }

  @Override
  public String notCopied() {
    return "The clean profile leaves out what the published program does beside its method: windows that shrink to reach "
        + "multiples of 128, one candidate for each 128 keys in place of the exact best, votes for the first token "
        + "from empty slots, spans one longer than asked where their size is odd, borders of blocks that depend on "
        + "the length of the prompt, scores rounded to 16 bits, and query heads compared with key heads of other "
        + "groups in models with grouped heads. The faithful profile follows the program in all of these but the "
        + "rounding, and resolves ties of votes by position where the program leaves them open. Left out of both: "
        + "original positions for the recalled tokens (pe_original), which are the program's default but not the "
        + "method, options without effect (unique_option, first_prefill, q_cache_len), experimental kinds of scores "
        + "(k, v and those with positions), and cutting the middle out of long prompts, as its evaluations do.";
  }

  @Override
  public String source() {
    return "Liu et al. 2025, ReAttention: Training-Free Infinite Context with Finite Attention Scope (arXiv 2407.15176)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.FULL_WHEN_SHORT, Promise.WITHIN_WINDOW, Promise.PREFIX_STABLE);
  }

  @Override
  public List<Parameter> parameters() {
    return Stream.of(sizes(), recall(), program()).flatMap(List::stream).toList();
  }

  private static List<Parameter> sizes() {
    return List.of(
        Parameter.integer(
            "global-size",
            "Tokens at the beginning of the document that are always seen.",
            "32 (a 32nd of the trained window, if that is less)",
            ReAttentionFactory::defaultGlobal,
            0),
        Parameter.integer(
            "local-size",
            "Newest tokens that are always seen, see local-counts.",
            "4096; for models trained on less than 8192 tokens what is left of that window",
            ReAttentionFactory::defaultLocal,
            1),
        new Parameter(
            "local-counts",
            "What local-size counts: all of the newest tokens, those of the block itself included (published), "
                + "or only the past ones before the block, so that single tokens and blocks look back equally far.",
            Parameter.Type.CHOICE,
            List.of("all", "past"),
            "all; past for models trained on less than 8192 tokens",
            limits -> isLarge(limits) ? "all" : "past",
            0),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; its tokens choose together.",
            "512 (an eighth of the trained window, if that is less)",
            ReAttentionFactory::defaultChunk,
            1),
        Parameter.integer(
            "question-chunk",
            "Tokens of the question read as one block; 1 lets each token choose for itself.",
            "1",
            limits -> 1L,
            1));
  }

  private static List<Parameter> recall() {
    return List.of(
        Parameter.integer(
            "top-k-middle",
            "Tokens between that each head of each query votes for; 0 to see nothing of the middle.",
            "4; 8 for models trained on less than 8192 tokens",
            limits -> isLarge(limits) ? 4L : 8L,
            0),
        Parameter.integer(
            "span-size",
            "Tokens around a voted one that are seen with it.",
            "32 (a 64th of the trained window, if that is less)",
            limits -> Math.max(2, Math.min(32, limits.trainedWindow() / 64)),
            1),
        Parameter.integer(
            "recall-clip",
            "Most voted tokens that get a span; -1 for all, 0 for what fits the trained window, unless recall-budget is given.",
            "0: 127 or what fits; for models trained on less than 8192 tokens none but a recall-budget",
            limits -> AUTOMATIC,
            SpanSelection.UNLIMITED),
        Parameter.integer(
            "recall-budget",
            "Most tokens of all spans together, counted after they were joined, instead of recall-clip; -1 for any "
                + "number, 0 for what fits the trained window, unless recall-clip is given.",
            "0: for models trained on less than 8192 tokens half the trained window, else none but a recall-clip",
            limits -> AUTOMATIC,
            SpanSelection.UNLIMITED),
        Parameter.choice(
            "recall-order",
            "Which voted tokens come first where not all fit: those with the most votes, or by rank the best of each head, "
                + "then the second of each; auto is rank for single tokens under a recall-budget, else votes.",
            "auto",
            "auto",
            "votes",
            "rank"));
  }

  private static List<Parameter> program() {
    return List.of(
        Parameter.choice(
            "profile",
            "The method (clean), or the published program with its alignment to 128 and its approximate selection (faithful).",
            "clean",
            "clean",
            "faithful"),
        Parameter.choice(
            "pairing",
            "Key head a query head votes by: that of its group, or as the official program pairs them in exact selection; "
                + "auto is official for the faithful profile, else group.",
            "auto",
            "auto",
            "group",
            "official"),
        Parameter.choice(
            "recall-option",
            "Which blocks choose: all (default), none (full_attn), single tokens only (generate_only), or longer blocks "
                + "only (prefill_only); the others see everything, beyond the trained window too. With decode_only single "
                + "tokens choose, too, but longer blocks see only global and local tokens: reading then takes as long per "
                + "token anywhere in the document, and answers still find facts anywhere.",
            "default",
            "default",
            "full_attn",
            "generate_only",
            "prefill_only",
            "decode_only"),
        Parameter.choice(
            "recall-type",
            "What votes are by: q·k (qk), multiplied with the L1 norm (qkv) or the L2 norm (qkv2) of the token's value.",
            "qk",
            "qk",
            "qkv",
            "qkv2"));
  }

  private static boolean isLarge(ModelLimits limits) {
    return limits.trainedWindow() >= PUBLISHED_WINDOW;
  }

  private static long defaultGlobal(ModelLimits limits) {
    return Math.min(32, limits.trainedWindow() / 32);
  }

  private static long defaultChunk(ModelLimits limits) {
    return Math.max(1, Math.min(512, limits.trainedWindow() / 8));
  }

  private static long defaultLocal(ModelLimits limits) {
    long window = limits.trainedWindow();
    return isLarge(limits)
        ? 4096
        : Math.max(1, window - defaultGlobal(limits) - defaultChunk(limits) - window / 2);
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    ReAttention.Profile profile = choice(ReAttention.Profile.class, values, "profile");
    ReAttention.Recall recall = choice(ReAttention.Recall.class, values, "recall-option");
    ReAttention.Sizes sizes =
        new ReAttention.Sizes(
            values.integer("global-size"),
            values.integer("local-size"),
            choice(ReAttention.LocalCounts.class, values, "local-counts"),
            Math.toIntExact(values.integer("chunk-size")),
            Math.toIntExact(values.integer("question-chunk")));
    Combination combination = new Combination(name());
    requireCausal(combination, profile, sizes);
    ReAttention.Search search =
        new ReAttention.Search(
            Math.toIntExact(values.integer("top-k-middle")),
            pairing(values.choice("pairing"), profile),
            keyNorm(values.choice("recall-type")),
            spans(values, limits, sizes, combination),
            choice(ReAttention.RecallOrder.class, values, "recall-order"));
    requireTrainedPositions(combination, limits, sizes, search);
    return new ReAttention(profile, recall, sizes, search);
  }

  private static <E extends Enum<E>> E choice(Class<E> type, ParameterValues values, String name) {
    return Enum.valueOf(type, values.choice(name).toUpperCase(Locale.ROOT));
  }

  private static TopKeysRequest.Pairing pairing(String word, ReAttention.Profile profile) {
    boolean official =
        word.equals("official") || (word.equals("auto") && profile == ReAttention.Profile.FAITHFUL);
    return official ? TopKeysRequest.Pairing.MODULO : TopKeysRequest.Pairing.GROUP;
  }

  private static TopKeysRequest.KeyNorm keyNorm(String word) {
    return switch (word) {
      case "qkv" -> TopKeysRequest.KeyNorm.VALUE_L1;
      case "qkv2" -> TopKeysRequest.KeyNorm.VALUE_L2;
      default -> TopKeysRequest.KeyNorm.NONE;
    };
  }

  private static SpanSelection spans(
      ParameterValues values,
      ModelLimits limits,
      ReAttention.Sizes sizes,
      Combination combination) {
    boolean clean =
        choice(ReAttention.Profile.class, values, "profile") == ReAttention.Profile.CLEAN;
    SpanSelection given =
        new SpanSelection(
            values.integer("span-size"),
            values.integer("recall-clip"),
            values.integer("recall-budget"));
    combination.require(
        given.clip() <= 0 || given.budget() <= 0,
        "recall-clip %d and recall-budget %d both limit what is recalled. Give only one of them.",
        given.clip(),
        given.budget());
    combination.require(
        given.budget() <= 0 || clean,
        "recall-budget %d is unknown to the published program. Give recall-clip, or use the clean profile.",
        given.budget());
    combination.require(
        given.budget() <= 0 || given.budget() >= given.tokensOfOne(),
        "recall-budget %d does not hold one span of span-size %d. Raise it or lower span-size.",
        given.budget(),
        given.span());
    if (given.clip() != AUTOMATIC || given.budget() != AUTOMATIC) {
      return new SpanSelection(
          given.span(), unlimitedUnlessGiven(given.clip()), unlimitedUnlessGiven(given.budget()));
    }
    // where not even one span fits, the check of the positions says so
    long room = Math.max(given.tokensOfOne(), limits.trainedWindow() - sizes.positions());
    return clean && !isLarge(limits)
        ? new SpanSelection(given.span(), SpanSelection.UNLIMITED, room)
        : new SpanSelection(
            given.span(),
            Math.min(PUBLISHED_CLIP, room / given.tokensOfOne()),
            SpanSelection.UNLIMITED);
  }

  private static long unlimitedUnlessGiven(long limit) {
    return limit == AUTOMATIC ? SpanSelection.UNLIMITED : limit;
  }

  private static void requireCausal(
      Combination combination, ReAttention.Profile profile, ReAttention.Sizes sizes) {
    long largest = sizes.largestBlock();
    if (profile == ReAttention.Profile.FAITHFUL) {
      combination.require(
          sizes.localCounts() == ReAttention.LocalCounts.ALL,
          "the faithful profile needs local-counts 'all' (value 'past'). Change it, or use the clean profile.");
      combination.require(
          sizes.local() % (ReAttention.BLOCK / 2) == 0 && sizes.chunk() % ReAttention.BLOCK == 0,
          "the faithful profile works in steps of 128 tokens, so local-size must be a multiple of 64 and chunk-size one of "
              + "128 (values %d and %d). Change them, or use the clean profile.",
          sizes.local(),
          sizes.chunk());
      combination.require(
          largest <= sizes.local() - ReAttention.BLOCK,
          "blocks of %d tokens must be 128 tokens shorter than local-size %d in the faithful profile, else a token could "
              + "choose later ones. Lower chunk-size and question-chunk or raise local-size.",
          largest,
          sizes.local());
    } else if (sizes.localCounts() == ReAttention.LocalCounts.ALL) {
      combination.require(
          largest <= sizes.local(),
          "blocks of %d tokens are longer than local-size %d, so a token could choose later ones. "
              + "Lower chunk-size and question-chunk or raise local-size.",
          largest,
          sizes.local());
    }
  }

  private static void requireTrainedPositions(
      Combination combination,
      ModelLimits limits,
      ReAttention.Sizes sizes,
      ReAttention.Search search) {
    // an unlimited recall is a wish that was written down; nothing to hold against it
    long recalled = search.topK() == 0 ? 0 : Math.max(0, search.spans().largest());
    long positions = sizes.positions() + recalled;
    combination.require(
        positions <= limits.trainedWindow(),
        "%d global, %d recalled and %d local tokens need %d positions, the model was trained on %d. "
            + "Lower global-size, local-size, chunk-size, or recall-budget or recall-clip times span-size.",
        sizes.global(),
        recalled,
        sizes.positions() - sizes.global(),
        positions,
        limits.trainedWindow());
  }
}
