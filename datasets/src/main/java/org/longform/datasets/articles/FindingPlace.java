package org.longform.datasets.articles;

import java.util.OptionalDouble;

/**
 * Where the Conclusion with the main finding stands.
 *
 * @param present whether there is one at all
 * @param depth the share of the article after which it is put, in [0, 1); empty means at the end
 */
public record FindingPlace(Presence present, OptionalDouble depth) {

  /** In a Conclusion behind the last study. */
  public static final FindingPlace END = new FindingPlace(Presence.STATED, OptionalDouble.empty());

  /** Nowhere: the article has no Conclusion. */
  public static final FindingPlace NONE =
      new FindingPlace(Presence.LEFT_OUT, OptionalDouble.empty());

  /** Whether the article states a main finding. */
  public enum Presence {
    STATED,
    LEFT_OUT
  }

  /** Before the first study that begins behind this share of the article; 1 means {@link #END}. */
  public static FindingPlace at(double depth) {
    if (!(depth >= 0 && depth <= 1)) {
      throw new IllegalArgumentException(
          "Cannot place the main finding: the depth must be between 0 and 1 (%s). Give a share of the article."
              .formatted(depth));
    }
    return depth == 1 ? END : new FindingPlace(Presence.STATED, OptionalDouble.of(depth));
  }
}
