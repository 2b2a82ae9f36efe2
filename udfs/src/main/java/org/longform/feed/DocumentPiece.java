package org.longform.feed;

/**
 * Consecutive tokens of a document.
 *
 * @param ids the tokens
 * @param starts first character of each, counted in the document
 * @param text the characters from the end of the piece before to the end of this one; empty unless
 *     the strategy {@link ReadingStrategy#needsText}
 */
public record DocumentPiece(int[] ids, long[] starts, String text) {}
