package org.longform.spark.job;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.longform.spark.compare.Contender;
import org.longform.spark.compare.Measure;

/**
 * What to compare.
 *
 * @param modelOptions options by SQL key that name the model whose tokens count as lengths
 * @param failedCells what happens to readings that failed in an earlier run
 */
record ComparisonRequest(
    List<Contender> contenders,
    Set<Measure> measures,
    Map<String, String> modelOptions,
    JobRequest.FailedRows failedCells) {
  ComparisonRequest {
    contenders = List.copyOf(contenders);
    measures = Set.copyOf(measures);
    modelOptions = Map.copyOf(modelOptions);
  }
}
