package org.longform.kernels.context;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.attention.FrequencyFlow;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The parameters of {@link Clex}, their defaults and what does not go together. */
final class ClexFactory implements ContextFactory {
  private static final int PUBLISHED_MOST = 16;

  @Override
  public String name() {
    return "clex";
  }

  @Override
  public String description() {
    return "Every token sees every earlier one, with rotary frequencies that the model learned for documents of so many times its "
        + "window. Models that were trained for it stay fluent and exact far beyond the window. It needs their weights; the formula "
        + "that they start from can be had without.";
  }

  @Override
  public String whenToUse() {
    return "With models that were trained with CLEX. For all others use reattention; frequencies 'ntk' needs no training and helps "
        + "for a few times the window.";
  }

  @Override
  public String cost() {
    return "As full attention: time grows with the square of the length, memory linearly, because every token stays cached. When the "
        + "length passes a multiple of the window all keys are turned with other frequencies, which costs nothing more, because "
        + "they are turned at each use.";
  }

  @Override
  public String notCopied() {
    return "The published program looks the length up anew in every call, the question included; here the length of the document "
        + "decides, or what was read where that is more, so that several questions share a reading. Its option to scale queries by "
        + "the logarithm of the length is off in all published models and left out. The base 10000 of the part that is not "
        + "learned is kept whatever the model's own is, because the weights were trained with it.";
  }

  @Override
  public String tuning() {
    return "Frequencies 'ntk' let the bundled model (trained on 512 tokens) answer 100 % at 640 tokens, 90 % at 768 and 50 % at "
        + "1,024, and nothing at 2,048: a formula alone goes about twice the window, which is why the method learns.";
  }

  @Override
  public String source() {
    return "Chen et al. 2024, CLEX: Continuous Length Extrapolation for Large Language Models (arXiv 2310.16450)";
  }

  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.FULL_WHEN_SHORT);
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.choice(
            "frequencies",
            "Those the model learned (trained), or the formula that the learned ones start from, by which the base grows with "
                + "the length (ntk).",
            "trained",
            "trained",
            "ntk"),
        Parameter.integer(
            "max-factor",
            "Most times the trained window for which there are frequencies of their own; longer documents have the last ones.",
            "what the model learned, else 16",
            limits -> limits.flow().map(flow -> (long) flow.most()).orElse((long) PUBLISHED_MOST),
            1),
        Parameter.choice(
            "factor-from",
            "Which length decides: that of the whole document from its first token on (document, published), or what was read so "
                + "far (read), so that documents with a common beginning share its cache.",
            "document",
            "document",
            "read"),
        Parameter.integer(
            "chunk-size",
            "Tokens of the document read as one block; beyond the window blocks also end at its multiples.",
            "128",
            limits -> 128L,
            1));
  }

  @Override
  public Optional<String> whyUnavailable(ModelLimits limits) {
    return limits.flow().isPresent()
        ? Optional.empty()
        : Optional.of(
            "the model has not learned frequencies for lengths beyond its window (rope_scaling of type 'clex' in its "
                + "config.json and two matrices)");
  }

  @Override
  public ContextStrategy create(ParameterValues values, ModelLimits limits) {
    boolean trained = values.choice("frequencies").equals("trained");
    Optional<String> refusal = whyUnavailable(limits);
    if (trained && refusal.isPresent()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use context '%s': %s. Use another context, or frequencies 'ntk', which are not learned."
              .formatted(name(), refusal.get()));
    }
    int most = Math.toIntExact(values.integer("max-factor"));
    new Combination(name())
        .require(
            !trained || most <= limits.flow().orElseThrow().most(),
            "max-factor %d exceeds the %d times its window for which the model learned frequencies. Lower it.",
            most,
            limits.flow().map(FrequencyFlow::most).orElse(0));
    Clex.Frequencies frequencies =
        trained
            ? (model, factor) -> limits.flow().orElseThrow().inverseFrequencies(factor)
            : (model, factor) -> FrequencyFlow.unlearned(model.inverseFrequencies(), factor);
    return new Clex(
        new Clex.Settings(
            limits.trainedWindow(),
            most,
            Clex.Length.valueOf(values.choice("factor-from").toUpperCase(Locale.ROOT)),
            Math.toIntExact(values.integer("chunk-size"))),
        frequencies);
  }
}
