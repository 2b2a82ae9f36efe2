/**
 * What a job leaves outside its processes, so that documents survive them and they the documents.
 */
package org.longform.spark.job.recovery;
