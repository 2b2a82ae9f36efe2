package org.longform.kernels.quantise;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;

/** A way to quantise the matrices of the layers, as users choose it. */
public interface QuantisationMethod {
  /** The word users write, for example {@code gptq}. */
  String name();

  /** What it does and when to use it, in two or three sentences. */
  String description();

  /** What it costs while it runs, and what the written model then takes. */
  String cost();

  /** Paper and code. */
  String source();

  /** What of the published code is otherwise here, and why. */
  String notCopied();

  /** With {@link Calibration#SAMPLES} and {@link Calibration#SAMPLE_TOKENS} if it is calibrated. */
  List<Parameter> parameters();

  /** Whether it needs texts to run the model on. */
  default boolean isCalibrated() {
    return parameters().stream()
        .anyMatch(parameter -> parameter.name().equals(Calibration.SAMPLES));
  }

  LayerQuantiser quantiser(ParameterValues values);
}
