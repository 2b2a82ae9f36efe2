package org.longform.kernels.model;

import java.util.Optional;
import java.util.Set;

/** A kind of decoder: says by which names it is known and turns its config into a spec. */
public interface ModelFamily {
  /** The word for it, which is also its {@code model_type}. */
  String name();

  /** What {@code architectures} in config.json calls it. */
  Set<String> architectures();

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL or UNSUPPORTED_MODEL naming
   *     the key and its value
   */
  DecoderSpec spec(ModelConfig config);

  /** The config of a model in the words that most families have. */
  default ModelConfig usual(ModelConfig config) {
    return config;
  }

  /** How checkpoints that see, too, hold a model of this family; empty if none do. */
  default Optional<MultimodalForm> multimodal() {
    return Optional.empty();
  }

  /** How GGUF files hold models of this family; empty if none do. */
  default Optional<GgufForm> gguf() {
    return Optional.empty();
  }
}
