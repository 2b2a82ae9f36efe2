package org.longform.decoding;

import java.util.List;
import java.util.Optional;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.method.Method;

/** A way in which the tokens of an answer come out, as users choose it. */
public interface DecodingStrategy extends Method {
  @Override
  List<Parameter> parameters();

  /**
   * Parameters that name further models, as the option {@code model} names one; a value may be
   * missing.
   */
  default List<String> models() {
    return List.of();
  }

  /** Whether the context strategy must be able to take wrong guesses back. */
  boolean guesses();

  /**
   * Which of {@link #models} names a second model that reads all of the prompt, if any does: it has
   * weights, keys and values of its own, and nobody can go on with a reading that another process
   * began.
   */
  default Optional<String> readsAlong() {
    return Optional.empty();
  }

  /**
   * Decoding for one document.
   *
   * @throws LongformException INVALID_OPTION or INVALID_MODEL
   */
  Decoding open(DecodingSetup setup);
}
