package org.longform.spark.metrics;

import java.io.Serializable;

/**
 * What one executor did so far, as it tells the driver.
 *
 * @param values in the order of the totals
 */
public record TotalsReport(String executorId, long[] values) implements Serializable {}
