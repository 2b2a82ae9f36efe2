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
   * The driver's part.
   *
   * @return the name, or the class of an error and its sentence: texts alone, as Spark reads a
   *     reply where an executor does not know our classes
   */
  static String[] reply(Question question) {
    try {
      return new String[] {LongformRuntime.portableName(question.name())};
    } catch (LongformException e) {
      return new String[] {e.errorClass().name(), e.getMessage()};
    }
  }

  /** An executor's part. */
  static String ask(String name, PluginContext driver) {
    try {
      String[] reply = (String[]) driver.ask(new Question(name));
      if (reply.length == 1) {
        return reply[0];
      }
      throw new LongformException(ErrorClass.valueOf(reply[0]), reply[1]);
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
