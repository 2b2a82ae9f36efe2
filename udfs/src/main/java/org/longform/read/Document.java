package org.longform.read;

/**
 * A document to be read, by whatever asks.
 *
 * @param source its text; may be of any length
 * @param listener progress and cancellation
 */
record Document(DocumentSource source, ReadListener listener) {}
