package org.longform.spark.job;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import scala.Tuple4;
import scala.collection.Iterator;
import scala.collection.Seq;

/**
 * How far the tasks are, also within a document. Accumulators alone show a task's count only when
 * it ends; the heartbeats of executors carry the counts of running tasks.
 */
final class ReadProgress extends SparkListener {
  static final String TOKENS = "longform tokens read";
  static final String DOCUMENTS = "longform documents read";

  private final Map<Long, Long> tokensOfTask = new ConcurrentHashMap<>();
  private final Map<Long, Long> documentsOfTask = new ConcurrentHashMap<>();
  private final AtomicInteger executorsEnded = new AtomicInteger();

  /** Executors that ended since the listener was added, for whatever reason. */
  int executorsEnded() {
    return executorsEnded.get();
  }

  @Override
  public void onExecutorRemoved(SparkListenerExecutorRemoved event) {
    executorsEnded.incrementAndGet();
  }

  long tokens() {
    return tokensOfTask.values().stream().mapToLong(Long::longValue).sum();
  }

  long documents() {
    return documentsOfTask.values().stream().mapToLong(Long::longValue).sum();
  }

  @Override
  public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
    Iterator<Tuple4<Object, Object, Object, Seq<AccumulableInfo>>> tasks =
        cast(heartbeat.accumUpdates().iterator());
    while (tasks.hasNext()) {
      Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task = tasks.next();
      update((Long) task._1(), task._4());
    }
  }

  @Override
  public void onTaskEnd(SparkListenerTaskEnd end) {
    update(end.taskInfo().taskId(), end.taskInfo().accumulables());
  }

  private void update(long task, Seq<AccumulableInfo> counts) {
    Iterator<AccumulableInfo> each = cast(counts.iterator());
    while (each.hasNext()) {
      AccumulableInfo info = each.next();
      if (info.name().isEmpty() || info.update().isEmpty()) {
        continue;
      }
      String name = info.name().get();
      if (name.equals(TOKENS)) {
        tokensOfTask.merge(task, (Long) info.update().get(), Math::max);
      } else if (name.equals(DOCUMENTS)) {
        documentsOfTask.merge(task, (Long) info.update().get(), Math::max);
      }
    }
  }

  // Scala's collections come with other type arguments in 2.12 and 2.13
  @SuppressWarnings("unchecked")
  private static <T> Iterator<T> cast(Iterator<?> iterator) {
    return (Iterator<T>) iterator;
  }
}
