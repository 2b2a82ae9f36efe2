package org.longform.spark.job;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Which documents are read side by side. One whose executor ended may be the reason for that, or
 * may only have been beside it: it waits until the others are finished, and its last attempt is its
 * own.
 */
final class Rounds {
  private Rounds() {}

  /**
   * @param open documents without an answer, none of which has used up its attempts
   * @return those to be read next; none if there are none
   */
  static List<PendingDocument> next(Collection<PendingDocument> open, int maxAttempts) {
    List<PendingDocument> fresh = new ArrayList<>();
    List<PendingDocument> suspects = new ArrayList<>();
    List<PendingDocument> last = new ArrayList<>();
    for (PendingDocument document : open) {
      if (document.crashes() == 0) {
        fresh.add(document);
      } else if (document.crashes() < maxAttempts - 1) {
        suspects.add(document);
      } else {
        last.add(document);
      }
    }
    if (!fresh.isEmpty()) {
      return fresh;
    }
    return suspects.isEmpty() ? last.subList(0, Math.min(1, last.size())) : suspects;
  }
}
