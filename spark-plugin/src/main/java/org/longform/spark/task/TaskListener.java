package org.longform.spark.task;

import org.apache.spark.TaskContext;
import org.longform.read.ReadListener;

/**
 * Ends the reading when Spark kills the task.
 *
 * @param task null where there is no task, as in a LightPipeline
 */
public record TaskListener(TaskContext task) implements ReadListener {
  @Override
  public boolean cancelled() {
    return task != null && task.isInterrupted();
  }
}
