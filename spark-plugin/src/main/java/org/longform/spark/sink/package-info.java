/** The Delta table that answers are written to: its schema, its checks and its commits. */
package org.longform.spark.sink;
