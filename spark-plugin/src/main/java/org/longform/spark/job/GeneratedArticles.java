package org.longform.spark.job;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.longform.datasets.tasks.CorpusGenerator;
import org.longform.datasets.tasks.NeedleRequest;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.read.DocumentReader;

/**
 * Articles with questions at five depths, as in the model card, of given lengths in tokens of the
 * model that reads them.
 *
 * @param questions of each depth and length
 */
record GeneratedArticles(List<Integer> lengths, int questions) {
  GeneratedArticles {
    lengths = List.copyOf(lengths);
  }

  /** The trained window times 1, 2, 4 and so on. */
  static List<Integer> upTo(long window, int times) {
    return Stream.iterate(1L, factor -> factor <= times, factor -> 2 * factor)
        .map(factor -> Math.toIntExact(Math.multiplyExact(window, factor)))
        .toList();
  }

  /**
   * Writes the articles unless they are there.
   *
   * @return path of the file
   * @throws LongformException INVALID_OPTION for lengths that cannot be
   */
  String write(OutputFolder folder, ReaderSource readers, Map<String, String> options) {
    String identity = "%s %s %s".formatted(lengths, questions, readers.modelRevision(options));
    String name = "articles-%.12s.jsonl".formatted(ReadingJob.sha256(identity));
    DocumentReader reader = readers.reader(options);
    try {
      folder.writeOnce(
          name,
          out -> {
            for (int length : lengths) {
              CorpusGenerator.write(
                  new NeedleRequest(length, NeedleRequest.CARD_DEPTHS, questions, 1),
                  text -> 1 + Math.toIntExact(reader.countTokens(text)), // begin-of-text counts
                  out);
            }
          });
    } catch (IllegalArgumentException e) {
      throw new LongformException(ErrorClass.INVALID_OPTION, e.getMessage(), e);
    }
    return folder.path(name);
  }
}
