/** Models in the file systems that Hadoop reads. */
package org.longform.spark.storage;
