/** The batch job for spark-submit and the command line: from documents to a table of answers. */
package org.longform.spark.job;
