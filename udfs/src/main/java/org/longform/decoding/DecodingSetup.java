package org.longform.decoding;

import java.nio.file.Path;
import java.util.Set;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.SessionOptions;

/**
 * What a decoding strategy gets for one document.
 *
 * @param values of its parameters
 * @param writer the model that writes
 * @param endTokens tokens that end an answer
 * @param models further models
 * @param sessions how sessions of further models are opened
 */
public record DecodingSetup(
    ParameterValues values,
    Decoder writer,
    Set<Integer> endTokens,
    Models models,
    SessionOptions sessions) {

  /** Finds what the values of {@link DecodingStrategy#models} name. */
  public interface Models {
    /** A loaded model whose tokens are the same as the writer's. */
    Decoder decoder(String parameter);

    /** The local directory of files that are no model of their own. */
    Path files(String parameter);

    /** A new context strategy for a session of another model, of the kind that the writer has. */
    ContextStrategy context(Decoder decoder);
  }
}
