package org.longform.read;

/**
 * A span of the source that the attention selected while the answer was written.
 *
 * @param doc which document, empty if there is only one
 * @param start first character, counted in the document
 * @param end one past the last character
 * @param text the characters
 * @param score share of the sharp attention on the document that fell on this span, 0 to 1; see
 *     {@link EvidenceCollector}
 */
public record Evidence(String doc, long start, long end, String text, double score) {}
