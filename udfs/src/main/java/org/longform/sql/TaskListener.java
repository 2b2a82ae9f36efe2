package org.longform.sql;

import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.longform.kernels.error.ErrorClass;
import org.longform.read.AnswerError;
import org.longform.read.ReadListener;

/** Ends the reading when Spark kills the task. */
public class TaskListener implements ReadListener {
  private final TaskContext task;

  /**
   * @param task null where there is no task, as on the driver or in a LightPipeline
   */
  public TaskListener(TaskContext task) {
    this.task = task;
  }

  @Override
  public boolean cancelled() {
    return task != null && task.isInterrupted();
  }

  /** So many answers were known already. */
  public void answersReused(int count) {}

  /**
   * Ends a task that Spark killed: rows whose reading was cut off must not be kept as failed ones.
   */
  public void killIfCancelled(AnswerError error) {
    if (error.errorClass() == ErrorClass.CANCELLED && cancelled()) {
      throw new TaskKilledException("the task was killed while a document was read");
    }
  }
}
