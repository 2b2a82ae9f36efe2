package org.longform.models;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.quantise.QuantisationMethod;
import org.longform.kernels.tensor.DType;
import org.longform.models.ConversionRequest.IfExists;

/**
 * What is to be quantised, and how.
 *
 * @param target a path that ends in {@code .gguf}, or else a directory in Hugging Face's layout
 * @param parameters of the method as users write them, by name
 * @param calibration a text or a {@code .jsonl} file
 * @param otherDtype of embedding and output matrix
 * @param device that reads the calibration text
 */
public record QuantisationRequest(
    ModelLocation source,
    Path target,
    IfExists ifExists,
    QuantisationMethod method,
    Map<String, String> parameters,
    Optional<Path> calibration,
    DType otherDtype,
    String device) {
  public QuantisationRequest {
    parameters = Map.copyOf(parameters);
  }
}
