package org.longform.sql;

import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.longform.read.ReadListener;
import org.longform.runtime.LongformRuntime;

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
  public void answersReused(int count) {
    LongformRuntime.answersReused(count);
  }

  /**
   * Ends a task that Spark killed: a row whose reading was cut off must not be kept as a failed
   * one. Its error may be of any class, since an interrupted thread fails in more than one way.
   */
  public void killIfCancelled() {
    if (cancelled()) {
      throw new TaskKilledException("the task was killed while a document was read");
    }
  }
}
