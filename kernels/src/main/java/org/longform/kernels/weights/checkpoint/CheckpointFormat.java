package org.longform.kernels.weights.checkpoint;

import java.util.List;

/** A way to store the matrices of a Hugging Face directory in fewer bits. */
public interface CheckpointFormat {
  /** The words of {@code quant_method} that mean it. */
  List<String> methods();

  /**
   * How the matrices of a model are stored, as its config tells.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming
   *     the key and its value
   */
  ModuleLayout layout(QuantisationConfig config);
}
