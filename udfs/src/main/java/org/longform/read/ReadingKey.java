package org.longform.read;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.longform.options.GenerationOptions;
import org.longform.options.Option;
import org.longform.options.OutputOptions;
import org.longform.options.PromptOptions;
import org.longform.options.RuntimeOptions;
import org.longform.prompt.Task;

/**
 * What decides how a document is read, apart from the document. Asks of equal keys can be answered
 * from one reading, and each gets the answer it would get alone.
 *
 * @param options the options that matter, by SQL key
 * @param scoring whether each token is scored: that ends the document's last block, so that what
 *     follows is read in other blocks
 */
public record ReadingKey(Map<String, String> options, boolean scoring) {
  // these act when the document was read: on the question, the answer, or what is told of it
  private static final Set<String> LATER =
      Stream.concat(
              GenerationOptions.GROUP.options().stream(),
              Stream.<Option<?>>of(
                  PromptOptions.MAX_WORDS,
                  OutputOptions.EVIDENCE_COUNT,
                  RuntimeOptions.FAIL_ON_ERROR))
          .map(Option::sqlKey)
          .collect(Collectors.toUnmodifiableSet());

  public static ReadingKey of(Ask ask) {
    Map<String, String> reading = new TreeMap<>(ask.options().toMap());
    reading.keySet().removeAll(LATER);
    return new ReadingKey(reading, ask.task() == Task.PERPLEXITY);
  }
}
