/** The options as Spark configuration keys and as Spark ML parameters. */
package org.longform.spark.conf;
