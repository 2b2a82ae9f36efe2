package org.longform.read;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.longform.decoding.Decoding;
import org.longform.decoding.DecodingSetup;
import org.longform.decoding.DecodingStrategies;
import org.longform.decoding.DecodingStrategy;
import org.longform.kernels.context.ContextChoice;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.SessionOptions;
import org.longform.models.LoadedModel;
import org.longform.models.SameTokens;
import org.longform.options.ContextOptions;
import org.longform.options.DecodingOptions;
import org.longform.options.Options;
import org.longform.tokenizer.Tokenizer;

/** The decoding strategy that the options of a reading choose, and what it needs. */
final class Writing implements DecodingSetup.Models {
  private final ReadingSetup setup;
  private final Options options;
  private final SessionOptions sessions;
  private final DecodingStrategy strategy;
  private final Map<String, String> parameters;

  Writing(ReadingSetup setup, Options options, SessionOptions sessions) {
    this.setup = setup;
    this.options = options;
    this.sessions = sessions;
    this.strategy = DecodingStrategies.byName(options.get(DecodingOptions.DECODING));
    this.parameters = DecodingOptions.parametersOf(options);
  }

  /** How sessions of a model that reads these tokens attend. */
  static ContextChoice context(Decoder decoder, Tokenizer tokenizer, Options options) {
    return ContextChoice.of(
        options.get(ContextOptions.CONTEXT),
        ContextOptions.parametersOf(options),
        decoder.limits(),
        text -> tokenizer.encode(text, Tokenizer.Place.CONTINUATION));
  }

  boolean readsAlong() {
    return strategy.readsAlong().isPresent();
  }

  void requireFits() {
    DecodingStrategies.requireFits(strategy, setup.context().name(), setup.context().example());
  }

  /**
   * @param scoring whether nothing will be written
   */
  Decoding open(Set<Integer> endTokens, boolean scoring) {
    DecodingStrategy used = scoring ? DecodingStrategies.PLAIN : strategy;
    Decoder writer = setup.model().decoder();
    ParameterValues values =
        DecodingStrategies.values(used, scoring ? Map.of() : parameters, writer.limits());
    return used.open(new DecodingSetup(values, writer, endTokens, this, sessions));
  }

  @Override
  public Decoder decoder(String parameter) {
    LoadedModel further = setup.furtherModels().load(name(parameter), sessions.cancelled());
    SameTokens.require(setup.model(), parameter.replace('-', '_'), further);
    return further.decoder();
  }

  @Override
  public Path files(String parameter) {
    return setup.furtherModels().files(name(parameter));
  }

  private String name(String parameter) {
    return DecodingStrategies.requireModel(strategy, parameter, parameters);
  }

  @Override
  public ContextStrategy context(Decoder decoder) {
    return context(decoder, setup.model().tokenizer(), options).forDocument();
  }
}
