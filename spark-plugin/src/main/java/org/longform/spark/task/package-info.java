/** What the reading of one row takes from the Spark task it runs in. */
package org.longform.spark.task;
