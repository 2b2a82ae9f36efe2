/** The Spark ML stage that reads documents. */
package org.longform.spark.ml;
