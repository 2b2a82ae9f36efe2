package org.longform.models;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.MatrixTypes;
import org.longform.kernels.model.ModelExport;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.quantise.Calibration;
import org.longform.kernels.quantise.Quantisation;
import org.longform.tokenizer.Tokenizer;

/** Writes a model whose layers are quantised by a method chosen for it. */
public final class ModelQuantisation {
  private ModelQuantisation() {}

  /**
   * What was done.
   *
   * @param parameters of the method, all of them
   * @param storage in which types the weights are stored, as a sentence
   * @param notes what a user should know of the result
   */
  public record Outcome(Map<String, Object> parameters, String storage, List<String> notes) {}

  /**
   * Reads the model, quantises layer after layer, and writes the target, which appears when it is
   * whole.
   *
   * @param progress told the index of each layer once it is quantised
   * @throws LongformException INVALID_OPTION for parameters or a target that cannot be used,
   *     INVALID_INPUT for a calibration text that is too short
   */
  public static Outcome run(QuantisationRequest request, IntConsumer progress) {
    requireCalibrationFits(request);
    ModelConversion conversion =
        new ModelConversion(
            new ConversionRequest(
                request.source(), request.target(), request.otherDtype(), request.ifExists()));
    conversion.requireHolds(request.otherDtype());
    conversion.requireFree();
    List<String> notes = new ArrayList<>();
    try (StoredModel model = StoredModel.open(request.source().path())) {
      ParameterValues values =
          Quantisation.values(request.method(), request.parameters(), model.spec());
      Calibration calibration =
          request.method().isCalibrated()
              ? calibration(request, model.spec(), values, notes)
              : null;
      try (Quantisation quantised =
          new Quantisation(
              model.spec(),
              model.weights(),
              request.method().quantiser(values),
              calibration,
              progress)) {
        MatrixTypes types = quantised.types(request.otherDtype());
        types.named().values().forEach(conversion::requireHolds);
        conversion.write(model, new ModelExport(model, quantised, types)).ifPresent(notes::add);
        quantised.whyPlain().ifPresent(notes::add);
        return new Outcome(values.asMap(), quantised.storage(), notes);
      }
    }
  }

  private static void requireCalibrationFits(QuantisationRequest request) {
    boolean needed = request.method().isCalibrated();
    if (needed != request.calibration().isPresent()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          needed
              ? "Cannot quantise with method '%s': it needs a calibration text. Give one, as text or .jsonl, of the kind that the model will read."
                  .formatted(request.method().name())
              : "Cannot use a calibration text with method '%s': it reads none (%s). Leave it out."
                  .formatted(request.method().name(), request.calibration().get()));
    }
  }

  private static Calibration calibration(
      QuantisationRequest request, DecoderSpec spec, ParameterValues values, List<String> notes) {
    DeviceProvider device = Devices.choose(request.device());
    int cores = Runtime.getRuntime().availableProcessors();
    List<int[]> samples;
    try (Tokenizer tokenizer = Tokenizer.load(request.source().path())) {
      samples =
          new CalibrationText(request.calibration().get(), tokenizer, spec.vocabulary())
              .fromBeginning(
                  values.integer(Calibration.SAMPLES),
                  Math.toIntExact(values.integer(Calibration.SAMPLE_TOKENS)));
    }
    if (samples.size() < values.integer(Calibration.SAMPLES)) {
      notes.add(
          "The calibration text has %d pieces of %d tokens, fewer than the %d that were asked for"
              .formatted(
                  samples.size(),
                  values.integer(Calibration.SAMPLE_TOKENS),
                  values.integer(Calibration.SAMPLES)));
    }
    return new Calibration(device.open(device.defaultThreads(cores, cores)), samples);
  }
}
