package org.longform.kernels.quantise;

import java.util.List;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.method.Method;

/** A way to quantise the matrices of the layers, as users choose it. */
public interface QuantisationMethod extends Method {
  /** With {@link Calibration#SAMPLES} and {@link Calibration#SAMPLE_TOKENS} if it is calibrated. */
  @Override
  List<Parameter> parameters();

  /** Whether it needs texts to run the model on. */
  default boolean isCalibrated() {
    return parameters().stream()
        .anyMatch(parameter -> parameter.name().equals(Calibration.SAMPLES));
  }

  /** Whether it multiplies one weight and divides another, which must be joined as in Llama. */
  default boolean movesScales() {
    return false;
  }

  LayerQuantiser quantiser(ParameterValues values);
}
