/** Where documents come from: files of text, JATS articles, JSON lines, Parquet and Delta. */
package org.longform.spark.job.input;
