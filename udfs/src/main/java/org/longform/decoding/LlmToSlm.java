package org.longform.decoding;

import java.util.List;
import java.util.Optional;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;

/** A large model reads the prompt once, a small one writes from what it understood. */
final class LlmToSlm implements DecodingStrategy {
  private static final String MODEL = "large-model";
  private static final String LAYER = "large-layer";
  private static final String PROJECTOR = "projector";
  private static final String FUSION = "projector-fusion";
  private static final String ADD = "add";
  private static final String REPLACE = "replace";
  private static final int ALL_LAYERS = -1;

  @Override
  public String name() {
    return "llm-to-slm";
  }

  @Override
  public String description() {
    return "A large model reads the prompt once. A projector of two layers maps its hidden states into the space in which "
        + "the small model has its tokens, where they are added to them or take their place. The small model writes "
        + "the answer, and the large one is not asked again.";
  }

  @Override
  public String whenToUse() {
    return "With a small model and a projector that were trained for this large one; with other weights answers mean "
        + "nothing. Then for long answers, where a small model that writes is many times faster.";
  }

  @Override
  public String cost() {
    return "The large model reads the whole prompt, the small one reads it again and writes. Memory: the weights of both; "
        + "keys and values of the prompt for both until the answer begins, then for the small one alone.";
  }

  @Override
  public String source() {
    return "Bergner et al. 2024, Think Big, Generate Quick: LLM-to-SLM for Fast Autoregressive Decoding (arXiv 2402.16844)";
  }

  @Override
  public String notCopied() {
    return "No program was published. Models with different tokens, whose places a reproduction matches by their numbers: "
        + "which token belongs to which would be chance, so both must have the same tokens. An encoder (T5) as the "
        + "large model: here it is a decoder, of which any layer can be taken, as the projector was trained.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.text(
            MODEL,
            "The large model, named as the option model names the small one; both must have the same tokens."),
        Parameter.text(
            PROJECTOR,
            "Directory with config.json and the projector's model.safetensors: 0.weight, 0.bias, 2.weight and 2.bias."),
        Parameter.choice(
            FUSION,
            "Whether the projected states are added to the small model's tokens or take their place.",
            ADD,
            ADD,
            REPLACE),
        Parameter.integer(
            LAYER,
            "So many layers of the large model are behind its states; -1 for all and the final norm.",
            "-1",
            limits -> (long) ALL_LAYERS,
            ALL_LAYERS));
  }

  @Override
  public List<String> models() {
    return List.of(MODEL, PROJECTOR);
  }

  @Override
  public boolean guesses() {
    return false;
  }

  @Override
  public Optional<String> readsAlong() {
    return Optional.of(MODEL);
  }

  @Override
  public Decoding open(DecodingSetup setup) {
    Decoder large = setup.models().decoder(MODEL);
    int chosen = (int) setup.values().integer(LAYER);
    int layer = chosen == ALL_LAYERS ? large.spec().layers() : chosen;
    boolean replaces = setup.values().choice(FUSION).equals(REPLACE);
    Session session = large.open(setup.models().context(large), setup.sessions());
    try {
      Projector projector =
          Projector.of(setup.models().files(PROJECTOR), large, setup.writer().spec().hidden());
      ProjectedTokens tokens = new ProjectedTokens(projector, replaces);
      session.exportHidden(layer, tokens);
      return new Reading(session, tokens, layer);
    } catch (Throwable e) {
      session.close();
      throw e;
    }
  }

  /** The large model reads first; the small one gets what the large one is done with. */
  private static final class Reading implements Decoding {
    private final Session large;
    private final ProjectedTokens tokens;
    private final int layer;

    Reading(Session large, ProjectedTokens tokens, int layer) {
      this.large = large;
      this.tokens = tokens;
      this.layer = layer;
    }

    @Override
    public void feed(Session session, int[] ids, int from, int count) {
      session.changeEmbeddings(tokens);
      tokens.waiting(ids, from, count);
      large.feed(ids, from, count);
      int[] ready = tokens.ready();
      session.feed(ready, 0, ready.length);
    }

    @Override
    public void flush(Session session) {
      large.flush();
      int[] ready = tokens.ready();
      session.feed(ready, 0, ready.length);
      session.flush();
    }

    @Override
    public void ask(Session session, int[] ids) {
      session.changeEmbeddings(tokens);
      large.flush();
      int[] ready = tokens.ready();
      session.feed(ready, 0, ready.length);
      large.ask(ids);
      session.ask(ids);
      // it is not needed any more
      large.close();
    }

    @Override
    public Decoding fork(Session session) {
      ProjectedTokens own = tokens.fork();
      Session fork = large.fork();
      fork.exportHidden(layer, own);
      return new Reading(fork, own, layer);
    }

    @Override
    public Guesser guesser() {
      return Guesser.NONE;
    }

    @Override
    public void close() {
      large.close();
    }
  }
}
