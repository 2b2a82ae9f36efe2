package org.longform.read;

/**
 * A document to be read, by whatever asks.
 *
 * @param text the document; may be of any length
 * @param rowKey what tells this row from others, so that sampling is repeatable wherever it runs
 * @param listener progress and cancellation
 * @param checkpoint where the reading leaves how far it is
 * @param clock of the row
 */
record Document(
    String text,
    String rowKey,
    ReadListener listener,
    CheckpointPlace checkpoint,
    RowClock clock) {}
