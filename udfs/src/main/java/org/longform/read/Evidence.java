package org.longform.read;

/**
 * A span of the source that the attention selected while the answer was written.
 *
 * @param doc which row of a group, by its name: see {@link Part}
 * @param row which row of a group, by its place in the order of reading, from 1; else 0
 * @param start first character, counted in the document or the row
 * @param end one past the last character
 * @param text the characters
 * @param score share of the sharp attention on the document that fell on this span, 0 to 1; see
 *     {@link EvidenceCollector}
 */
public record Evidence(String doc, long row, long start, long end, String text, double score) {}
