package org.longform.spark.job;

import java.io.Serializable;
import java.util.Comparator;
import org.apache.spark.Partitioner;

/**
 * Where and when a document is read.
 *
 * @param task partition of the batch
 * @param turn place within the task
 */
record Placement(int task, int turn) implements Serializable, Comparable<Placement> {
  private static final Comparator<Placement> ORDER =
      Comparator.comparingInt(Placement::task).thenComparingInt(Placement::turn);

  @Override
  public int compareTo(Placement other) {
    return ORDER.compare(this, other);
  }

  /** Partitions as placed. */
  static final class Tasks extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int tasks;

    Tasks(int tasks) {
      this.tasks = tasks;
    }

    @Override
    public int numPartitions() {
      return tasks;
    }

    @Override
    public int getPartition(Object key) {
      return ((Placement) key).task();
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Tasks same && same.tasks == tasks;
    }

    @Override
    public int hashCode() {
      return tasks;
    }
  }
}
