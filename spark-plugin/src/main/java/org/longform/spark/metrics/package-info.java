/** What the executors report about themselves. */
package org.longform.spark.metrics;
