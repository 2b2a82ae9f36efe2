package org.longform.models;

import java.nio.file.Path;
import org.longform.kernels.tensor.DType;

/**
 * What is to be written.
 *
 * @param target a path that ends in {@code .gguf}, or else a directory in Hugging Face's layout
 * @param dtype of the matrices
 */
public record ConversionRequest(ModelLocation source, Path target, DType dtype, IfExists ifExists) {

  /** What happens to a target that is there already. */
  public enum IfExists {
    REFUSE,
    REPLACE
  }
}
