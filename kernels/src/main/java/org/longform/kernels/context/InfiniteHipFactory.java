package org.longform.kernels.context;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** The parameters of {@link InfiniteHip}, their defaults and what does not go together. */
final class InfiniteHipFactory implements ContextFactory {
  /** Neighbouring queries whose mean asks in the first two stages. */
  private static final int STRIDE = 4;

  /** Models trained on so many tokens have room for the published numbers. */
  private static final long ROOMY = 8192;

  private static final List<String> STAGES = List.of("first", "second", "third");

  @Override
  public String name() {
    return "infinite-hip";
  }

  @Override
  public String description() {
    return "Every block sees the first tokens, the newest ones, and of those between what a search in three stages finds for "
        + "each head: the best chunks are kept and cut into smaller ones, stage by stage. A chunk is judged by a few "
        + "probed keys. All that is seen stands at consecutive positions within the trained window.";
  }

  @Override
  public String whenToUse() {
    return "For answers from anywhere in a very long document, where it compares far fewer keys than reattention; a fact "
        + "that the probes miss is not found. Its search runs in plain loops so far, so on short documents "
        + "reattention is faster too.";
  }

  @Override
  public String cost() {
    return "Time grows with the square of the length at a small rate: the first stage probes twice the logarithm of "
        + "first-chunk keys of every chunk, everything else costs the same anywhere. Generated tokens search a stage "
        + "only as often as its refresh says. Memory grows with the length: the whole document stays in the cache.";
  }

  @Override
  public String tuning() {
    return "The refreshes decide whether answers are copied right: what a token needs may have changed since the search that "
        + "serves it. With the published 16, 8 and 4 the bundled model (trained on 512 tokens) gave 45 % right answers at "
        + "512 tokens and 15 % at 2,048; searching for every token 100 % and 80 %, and finer chunks, more tokens kept or "
        + "smaller blocks added nothing to that. So the refreshes shrink with the trained window, as the sizes do. For "
        + "numbers and names from a large model lower them, the first stage too; for long prose raise them.";
  }

  @Override
  public String source() {
    return "Lee et al. 2025, InfiniteHiP: Extending Language Model Context Up to 3 Million Tokens on a Single GPU (arXiv 2502.08910)";
  }

  @Override
  public String notCopied() {
    return "The published program leaves a gap in the positions where fewer chunks are chosen than foreseen: here they are "
        + "consecutive. It lets the last 64 queries of a long prompt see a plain window instead, which serves its "
        + "kernels, not the method. Its banks of keys on the graphics card change no result; colder parts of the cache "
        + "may lie on disk here. The newest tokens take in what does not fill a chunk of the first stage, so that all "
        + "chunks are whole. Code under its licence was not read into this: it follows the paper and a description.";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.WITHIN_WINDOW, Promise.PREFIX_STABLE);
  }

  @Override
  public List<Parameter> parameters() {
    return Stream.of(
            sizes(),
            stage(
                0,
                "256 (a 32nd of the trained window, if that is less)",
                256,
                32,
                8,
                "32768 (four times the trained window, if that is less)",
                32768,
                4,
                1,
                16),
            stage(
                1,
                "32 (a 256th of the trained window, if that is less, but at least 4)",
                32,
                256,
                4,
                "8192 (the trained window, if that is less)",
                8192,
                1,
                1,
                8),
            stage(
                2,
                "8 (a 1024th of the trained window, if that is less, but at least 2)",
                8,
                1024,
                2,
                "2048 (a quarter of the trained window, if that is less)",
                2048,
                1,
                4,
                4),
            layers(),
            search())
        .flatMap(List::stream)
        .toList();
  }

  private static List<Parameter> sizes() {
    return List.of(
        Parameter.integer(
            "global-size",
            "Tokens at the beginning of the document that are always seen.",
            "256 (a 32nd of the trained window, if that is less)",
            limits -> Math.min(256, limits.trainedWindow() / 32),
            0),
        Parameter.integer(
            "local-size",
            "Newest tokens before the block that are always seen.",
            "1024 (an eighth of the trained window, if that is less)",
            limits -> Math.min(1024, limits.trainedWindow() / 8),
            1),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; they search together.",
            "64 (an eighth of the trained window, if that is less)",
            limits -> Math.min(64, limits.trainedWindow() / 8),
            1));
  }

  private static List<Parameter> stage(
      int number,
      String chunkText,
      long chunk,
      long chunkShare,
      long leastChunk,
      String keepText,
      long keep,
      long windows,
      long keepShare,
      long refresh) {
    String stage = STAGES.get(number);
    return List.of(
        Parameter.integer(
            stage + "-chunk",
            "Tokens of a chunk in the %s stage of the search.".formatted(stage),
            chunkText,
            limits ->
                Math.min(
                    chunk,
                    Long.highestOneBit(Math.max(leastChunk, limits.trainedWindow() / chunkShare))),
            2),
        Parameter.integer(
            stage + "-keep",
            "Tokens in the chunks that the %s stage keeps.".formatted(stage),
            keepText,
            limits -> Math.min(keep, limits.trainedWindow() * windows / keepShare),
            2),
        Parameter.integer(
            stage + "-refresh",
            "Generated tokens for which what the %s stage kept serves: the more, the faster and the coarser."
                .formatted(stage),
            "%d (a %dth of the trained window, if that is less, but at least 1)"
                .formatted(refresh, ROOMY / refresh),
            limits -> Math.max(1, Math.min(refresh, limits.trainedWindow() * refresh / ROOMY)),
            1));
  }

  private static List<Parameter> layers() {
    return List.of(
        Parameter.integer(
            "early-keep",
            "Tokens that the third stage keeps in the first layers.",
            "4096 (half the trained window, if that is less)",
            limits -> Math.min(4096, limits.trainedWindow() / 2),
            2),
        Parameter.integer(
            "early-layers",
            "Number of those layers.",
            "an eighth of the layers (4 of 32), at least 1",
            limits -> Math.max(1, limits.layers() / 8L),
            0),
        Parameter.integer(
            "indexed-layers",
            "First layers that probe a key at the number of its chunk; the others at one of two fixed distances.",
            "three of 32 layers, at least 1",
            limits -> Math.max(1, limits.layers() * 3L / 32),
            0));
  }

  private static List<Parameter> search() {
    return List.of(
        Parameter.choice(
            "probe",
            "Keys that are probed in each half of a chunk, and its score: the middle ones, and the best score on the way "
                + "(as the code does), or the first ones, and the last score (the paper).",
            "middle",
            "middle",
            "first"),
        Parameter.choice(
            "chosen-by",
            "Who chooses: all heads of a block together (block), or each query head for itself (head).",
            "head",
            "block",
            "head"));
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    Combination combination = new Combination(name());
    List<InfiniteHip.Stage> stages =
        List.of(
            stage(values, "first", STRIDE),
            stage(values, "second", STRIDE),
            stage(values, "third", 1));
    for (int i = 0; i + 1 < stages.size(); i++) {
      combination.require(
          stages.get(i).chunk() % stages.get(i + 1).chunk() == 0,
          "%s-chunk %d is no multiple of %s-chunk %d. Change one of them.",
          STAGES.get(i),
          stages.get(i).chunk(),
          STAGES.get(i + 1),
          stages.get(i + 1).chunk());
    }
    InfiniteHip.Settings settings =
        new InfiniteHip.Settings(
            values.integer("global-size"),
            values.integer("local-size"),
            stages,
            values.integer("early-keep"),
            Math.toIntExact(values.integer("early-layers")),
            new ChunkSearch.Probing(
                ChunkSearch.Probe.valueOf(values.choice("probe").toUpperCase(Locale.ROOT)),
                values.choice("chosen-by").equals("head"),
                Math.toIntExact(values.integer("indexed-layers"))),
            Math.toIntExact(values.integer("chunk-size")));
    combination.require(
        settings.positions() <= limits.trainedWindow(),
        "global-size %d, local-size %d, third-keep %d, early-keep %d, a chunk of first-chunk %d and one of chunk-size %d need %d positions, the model was trained on %d. Lower one of them.",
        settings.global(),
        settings.local(),
        stages.get(2).keep(),
        settings.earlyKeep(),
        stages.get(0).chunk(),
        settings.chunk(),
        settings.positions(),
        limits.trainedWindow());
    return new InfiniteHip(settings);
  }

  private static InfiniteHip.Stage stage(ParameterValues values, String stage, int stride) {
    return new InfiniteHip.Stage(
        Math.toIntExact(values.integer(stage + "-chunk")),
        values.integer(stage + "-keep"),
        Math.toIntExact(values.integer(stage + "-refresh")),
        stride);
  }
}
