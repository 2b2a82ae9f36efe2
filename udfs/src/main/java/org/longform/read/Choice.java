package org.longform.read;

import java.util.Map;

/**
 * An answer that was chosen from a few.
 *
 * @param tokens of the way it would be written
 * @param probabilities of all values, in their order
 */
record Choice(String value, int tokens, Map<String, Double> probabilities) {}
