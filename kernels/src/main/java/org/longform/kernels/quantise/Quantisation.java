package org.longform.kernels.quantise;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.LayerMatrix;
import org.longform.kernels.model.LayerWalk;
import org.longform.kernels.model.MatrixTypes;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * The weights of a model as a method quantises them: the matrices of its layers, with what that
 * asks of norms and biases; embedding and output matrix stay. A layer is quantised when the first
 * of its weights is asked for and forgotten when the next layer's is, so that the weights of one
 * layer are in memory: ask in the order in which a token meets them.
 */
public final class Quantisation extends ForwardedWeights {
  private final DecoderSpec spec;
  private final ChangedWeights changed;
  private final LayerQuantiser quantiser;
  private final Calibration calibration;
  private final IntConsumer progress;
  private final Map<String, Integer> layerOf = new HashMap<>();
  private final Map<String, DType> types = new LinkedHashMap<>();
  private final Map<DType, Long> elements = new EnumMap<>(DType.class);
  private final Set<String> reasons = new LinkedHashSet<>();
  private LayerWalk walk;
  private int done = -1;

  /**
   * @param source of the model; stays with the caller
   * @param calibration null for a method that is not calibrated
   * @param progress told the index of each layer once it is quantised
   */
  public Quantisation(
      DecoderSpec spec,
      WeightSource source,
      LayerQuantiser quantiser,
      Calibration calibration,
      IntConsumer progress) {
    super(source);
    this.spec = spec;
    this.changed = new ChangedWeights(source);
    this.quantiser = quantiser;
    this.calibration = calibration;
    this.progress = progress;
    for (int layer = 0; layer < spec.layers(); layer++) {
      layerOf.put(spec.names().attention().norm().formatted(layer) + ".weight", layer);
      layerOf.put(spec.names().feedForward().norm().formatted(layer) + ".weight", layer);
      for (LayerMatrix matrix : LayerMatrix.values()) {
        declare(matrix, layer);
      }
    }
  }

  private void declare(LayerMatrix matrix, int layer) {
    String name = matrix.weightName(spec, layer);
    Shape shape = matrix.shape(spec, layer);
    Storage storage = quantiser.storage(Math.toIntExact(shape.rowElements()));
    layerOf.put(name, layer);
    layerOf.put(matrix.biasName(spec, layer), layer);
    types.put(name, storage.dtype());
    elements.merge(storage.dtype(), shape.elements(), Long::sum);
    storage.whyPlain().ifPresent(reasons::add);
  }

  /**
   * What the parameters of a method are for a model.
   *
   * @throws LongformException UNSUPPORTED_MODEL if the method cannot treat its layers
   */
  public static ParameterValues values(
      QuantisationMethod method, Map<String, String> given, DecoderSpec spec) {
    if (method.movesScales()) {
      spec.requireLlamaWeights("quantise with method '%s'".formatted(method.name()));
    }
    if (spec.design().experts().isPresent() || spec.has(Trait.UNGATED)) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot quantise a model of family '%s' by a method: %s. Convert it with --dtype instead."
              .formatted(
                  spec.family(),
                  spec.has(Trait.UNGATED)
                      ? "its feed-forward part has no gate"
                      : "each token has experts of its own, and calibration sees too few of them"));
    }
    ParameterValues values =
        ParameterValues.resolve("method", method.name(), method.parameters(), given, spec.limits());
    if (method.isCalibrated() && values.integer(Calibration.SAMPLE_TOKENS) > spec.trainedWindow()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use '%s' of method '%s': the model was trained to read %d tokens at once (value %d). Give at most that."
              .formatted(
                  Calibration.SAMPLE_TOKENS,
                  method.name(),
                  spec.trainedWindow(),
                  values.integer(Calibration.SAMPLE_TOKENS)));
    }
    return values;
  }

  /**
   * The types to write these weights in.
   *
   * @param others of embedding and output matrix
   */
  public MatrixTypes types(DType others) {
    DType mostly =
        elements.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    return new MatrixTypes(mostly, others, types);
  }

  /** In which types the matrices of the layers are stored, as a sentence. */
  public String storage() {
    long all = elements.values().stream().mapToLong(Long::longValue).sum();
    List<String> parts = new ArrayList<>();
    elements.forEach(
        (dtype, count) ->
            parts.add(
                String.format(
                    Locale.ROOT,
                    "%d%% as %s (%.1f bits each)",
                    Math.round(100.0 * count / all),
                    dtype,
                    8.0 * dtype.blockBytes() / dtype.blockElements())));
    return "Weights of the layers: " + String.join(", ", parts);
  }

  /** Why some matrices are stored as F16 with the values of their levels; empty if none is. */
  public Optional<String> whyPlain() {
    return reasons.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "Matrices are stored as F16, with the values their levels stand for: "
                + String.join("; ", reasons));
  }

  @Override
  public Tensor tensor(String name, Shape expected) {
    Integer layer = layerOf.get(name);
    if (layer == null) {
      return source().tensor(name, expected);
    }
    if (layer < done) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot give tensor '%s': layer %d is quantised already. Ask in the order of the layers."
              .formatted(name, done));
    }
    while (done < layer) {
      quantiseNext();
    }
    return changed.tensor(name, expected);
  }

  private void quantiseNext() {
    changed.reset();
    if (calibration != null && walk == null) {
      walk = new LayerWalk(spec, source(), calibration.kernels(), calibration.samples());
    }
    quantiser.quantise(
        new LayerEdit(
            spec, done + 1, changed, calibration == null ? null : calibration.kernels(), walk));
    done++;
    progress.accept(done);
  }

  /** Forgets what was computed; the source stays open. */
  @Override
  public void close() {
    changed.close();
    if (walk != null) {
      walk.close();
    }
  }
}
