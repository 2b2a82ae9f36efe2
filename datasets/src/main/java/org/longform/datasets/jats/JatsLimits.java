package org.longform.datasets.jats;

/**
 * What one file may ask for; anything beyond is refused, never cut.
 *
 * @param maxBytes largest length of the XML in bytes
 * @param maxDepth largest nesting of elements
 * @param maxTextChars largest text of all articles of one file in UTF-16 code units, counted as it
 *     is written: tables repeat the values of cells which span rows
 */
public record JatsLimits(long maxBytes, int maxDepth, long maxTextChars) {

  /** Enough for every published article: 64 MiB, 200 levels, 64 M characters. */
  public static final JatsLimits DEFAULT = new JatsLimits(64L << 20, 200, 64L << 20);

  public JatsLimits {
    if (maxBytes <= 0 || maxDepth <= 0 || maxDepth > 1000 || maxTextChars <= 0) {
      throw new IllegalArgumentException(
          "Cannot limit articles to %d bytes, %d levels and %d characters: each must be positive, levels at most 1000. Use JatsLimits.DEFAULT."
              .formatted(maxBytes, maxDepth, maxTextChars));
    }
  }
}
