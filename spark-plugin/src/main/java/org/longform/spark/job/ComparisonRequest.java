package org.longform.spark.job;

import java.util.List;
import java.util.Set;
import org.longform.spark.compare.Contender;
import org.longform.spark.compare.Measure;

/**
 * What to compare.
 *
 * @param failedCells what happens to readings that failed in an earlier run
 */
record ComparisonRequest(
    List<Contender> contenders, Set<Measure> measures, JobRequest.FailedRows failedCells) {
  ComparisonRequest {
    contenders = List.copyOf(contenders);
    measures = Set.copyOf(measures);
  }
}
