package org.longform.kernels.model.gradient;

import java.util.List;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/**
 * The weights outside of the layers with their derivatives.
 *
 * @param embedding (V, M)
 * @param finalNorm (M)
 * @param head (V, M): the embedding itself if they are tied
 */
public record OutsideParameters(Parameter embedding, Parameter finalNorm, Parameter head) {

  /** Whether derivatives are wanted. */
  enum Role {
    VARIABLE,
    CONSTANT
  }

  /** Reads them; derivatives are zero. */
  public static OutsideParameters read(StoredModel model) {
    return read(model, Role.VARIABLE);
  }

  /**
   * @param matrices the role of the two large ones
   */
  static OutsideParameters read(StoredModel model, Role matrices) {
    DecoderSpec spec = model.spec();
    Shape wide = Shape.of(spec.vocabulary(), spec.hidden());
    Parameter embedding = read(model, spec.names().embedding(), wide, matrices);
    Parameter norm = read(model, spec.names().finalNorm(), Shape.of(spec.hidden()), Role.VARIABLE);
    return new OutsideParameters(
        embedding,
        norm,
        spec.has(Trait.TIED_EMBEDDINGS)
            ? embedding
            : read(model, spec.names().head(), wide, matrices));
  }

  private static Parameter read(StoredModel model, String pattern, Shape shape, Role role) {
    String name = pattern + ".weight";
    try (Tensor tensor = model.weights().tensor(name, shape)) {
      return role == Role.VARIABLE
          ? Parameter.variable(name, tensor)
          : Parameter.constant(name, tensor);
    }
  }

  /** All of them, each once. */
  public List<Parameter> all() {
    return head == embedding ? List.of(embedding, finalNorm) : List.of(embedding, finalNorm, head);
  }
}
