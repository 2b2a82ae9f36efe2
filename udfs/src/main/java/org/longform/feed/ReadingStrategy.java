package org.longform.feed;

import java.util.List;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.context.ParameterValues;
import org.longform.kernels.method.Method;

/** A way to bring a document and what is asked of it into a session, as users choose it. */
public interface ReadingStrategy extends Method {
  @Override
  List<Parameter> parameters();

  /** Whether what comes in depends on the question: then each question has its own reading. */
  boolean readsForQuestion();

  /** Whether the question is read with the document, so that its answer can begin. */
  default boolean asksItself() {
    return false;
  }

  /** Whether the number of the document's tokens must be known before the first of them comes. */
  default boolean needsLength() {
    return false;
  }

  /** Whether the pieces of the document must come with their text. */
  default boolean needsText() {
    return false;
  }

  /** Whether its sessions attend as the context strategy that users choose says. */
  boolean usesContext();

  /**
   * Checks parameters that are fine one by one and wrong together, or for this model.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION
   */
  default void check(ParameterValues values, ModelLimits limits) {}

  /**
   * Begins to read a document.
   *
   * @param values checked
   */
  Feed open(ParameterValues values, FeedRequest request);
}
