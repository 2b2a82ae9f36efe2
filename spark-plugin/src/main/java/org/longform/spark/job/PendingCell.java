package org.longform.spark.job;

import java.io.Serializable;
import org.longform.spark.compare.Cell;
import org.longform.spark.compare.Contender;

/**
 * A reading of a comparison that is still to be done.
 *
 * @param length tokens the document counts for
 * @param characters of its text
 * @param attempt how often it will have been tried, from 1
 */
record PendingCell(
    Cell.Key key, Contender contender, String docId, long length, long characters, int attempt)
    implements Serializable {}
