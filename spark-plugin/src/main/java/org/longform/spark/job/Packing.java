package org.longform.spark.job;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Shares documents out to tasks by size: the largest first, each to the task with the least work.
 * No task has more than 4/3 of what the best possible sharing needs (Graham 1969).
 */
final class Packing {
  private Packing() {}

  private static final class Bin {
    private final List<PendingDocument> documents = new ArrayList<>();
    private long load;
  }

  /**
   * @return tasks, heaviest first, so that the heaviest also start first; no task is empty
   */
  static List<List<PendingDocument>> pack(List<PendingDocument> documents, int tasks) {
    PriorityQueue<Bin> bins = new PriorityQueue<>(Comparator.comparingLong((Bin bin) -> bin.load));
    for (int i = 0; i < Math.min(tasks, documents.size()); i++) {
      bins.add(new Bin());
    }
    List<PendingDocument> largestFirst = new ArrayList<>(documents);
    largestFirst.sort(
        Comparator.comparingLong(Packing::work)
            .reversed()
            .thenComparing(PendingDocument::contentHash));
    for (PendingDocument document : largestFirst) {
      Bin lightest = bins.remove();
      lightest.documents.add(document);
      lightest.load += work(document);
      bins.add(lightest);
    }
    return bins.stream()
        .sorted(Comparator.comparingLong((Bin bin) -> bin.load).reversed())
        .map(bin -> List.copyOf(bin.documents))
        .toList();
  }

  // writing the answers takes time too, even where the text is short
  private static long work(PendingDocument document) {
    return document.characters() + 1000L * document.questions().size();
  }
}
