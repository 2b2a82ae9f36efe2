package org.longform.read;

/**
 * A document to be read, by whatever asks.
 *
 * @param source its text; may be of any length
 * @param listener progress and cancellation
 * @param checkpoint where the reading leaves how far it is
 * @param clock of the row
 */
record Document(
    DocumentSource source, ReadListener listener, CheckpointPlace checkpoint, RowClock clock) {}
