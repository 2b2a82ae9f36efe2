package org.longform.runtime;

import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.longform.decoding.DecodingStrategies;
import org.longform.decoding.DecodingStrategy;
import org.longform.kernels.error.LongformException;
import org.longform.models.ModelLocation;
import org.longform.models.ModelLocations;
import org.longform.models.ModelPlaces;
import org.longform.options.AllOptions;
import org.longform.options.DecodingOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.Options;

/** The models that options name, where those options allow them. Options are complete here. */
final class NamedModels {
  private final ModelLocations locations = new ModelLocations();

  /**
   * Where the model that writes is, with its adapter; nothing of it is read.
   *
   * @throws LongformException INVALID_MODEL or INVALID_OPTION
   */
  ModelLocation locate(Options all) {
    ModelLocation model = locate(all, all.get(ModelOptions.MODEL));
    return all.find(ModelOptions.ADAPTER)
        .map(name -> model.with(locate(all, name).path()))
        .orElse(model);
  }

  /** As {@link #locate(Options)}, for any name. */
  ModelLocation locate(Options all, String name) {
    return locations.locate(name, ModelPlaces.of(all));
  }

  /** Where the model is that reads beside the one that writes, if the decoding has one. */
  Optional<ModelLocation> locateSecond(Options all) {
    return second(all).map(name -> locate(all, name));
  }

  private static Optional<String> second(Options all) {
    DecodingStrategy decoding = DecodingStrategies.byName(all.get(DecodingOptions.DECODING));
    return decoding
        .readsAlong()
        .map(
            model ->
                DecodingStrategies.requireModel(
                    decoding, model, DecodingOptions.parametersOf(all)));
  }

  /**
   * Bytes of the files on this machine that all models map that read; what lies elsewhere is copied
   * when the first row arrives.
   */
  long bytesHere(Options all) {
    try {
      return Stream.of(
              Optional.of(all.get(ModelOptions.MODEL)), all.find(ModelOptions.ADAPTER), second(all))
          .flatMap(Optional::stream)
          .filter(name -> !ModelLocations.isElsewhere(name))
          .mapToLong(name -> locate(all, name).bytes())
          .sum();
    } catch (LongformException e) {
      return 0; // the rows will say what is wrong
    }
  }

  /**
   * The same options with all names as they may be sent to executors: see {@link
   * ModelLocations#portable}.
   *
   * @param all what says which models are allowed
   * @throws LongformException INVALID_MODEL if the hub has no such model, INVALID_OPTION if it is
   *     not allowed
   */
  Options portable(Options options, Options all) {
    Options portable = options;
    for (Option<String> model : AllOptions.MODELS) {
      if (options.isSet(model)) {
        String name = portable(options.get(model), all);
        portable = portable.with(model, name, options.sourceOf(model));
      }
    }
    return portable;
  }

  /** A name as every process of the application may use it. */
  String portable(String name, Options all) {
    return locations.portable(name, ModelPlaces.of(all));
  }

  /** See {@link ModelLocations#pinBy}. */
  void pinBy(UnaryOperator<String> names) {
    locations.pinBy(names);
  }
}
