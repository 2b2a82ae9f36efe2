package org.longform.spark;

import java.io.Serializable;
import org.apache.spark.api.plugin.PluginContext;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.runtime.LongformRuntime;

/**
 * Which commit a model's name means: an executor asks, the driver answers, so that all read the
 * same files.
 */
final class PinnedModel {
  private PinnedModel() {}

  record Question(String name) implements Serializable {}

  /**
   * @param name null where something is wrong with it
   * @param problem null where nothing is
   */
  record Reply(String name, ErrorClass problem, String sentence) implements Serializable {}

  /** The driver's part. */
  static Reply reply(Question question) {
    try {
      return new Reply(LongformRuntime.portableName(question.name()), null, null);
    } catch (LongformException e) {
      return new Reply(null, e.errorClass(), e.getMessage());
    }
  }

  /** An executor's part. */
  static String ask(String name, PluginContext driver) {
    try {
      Reply reply = (Reply) driver.ask(new Question(name));
      if (reply.problem() == null) {
        return reply.name();
      }
      throw new LongformException(reply.problem(), reply.sentence());
    } catch (LongformException e) {
      throw e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot find model '%s': the task was cancelled. Run it again.".formatted(name),
          e);
    } catch (Exception e) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot find model '%s': the driver does not say which commit it means (%s). Name the commit, as in org/name@commit."
              .formatted(name, e),
          e);
    }
  }
}
