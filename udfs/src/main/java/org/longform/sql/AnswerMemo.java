package org.longform.sql;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.options.Options;
import org.longform.prompt.Task;
import org.longform.read.Answer;
import org.longform.read.ReadRequest;
import org.longform.runtime.RowKey;

/**
 * The last few answers of this process. Spark may evaluate an expression twice for one row (a
 * filter on a column that is also selected, a function beside its detail form); the document is
 * read once all the same.
 */
final class AnswerMemo {
  private static final int ENTRIES = 64;

  private final Map<Key, List<Answer>> answers =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, List<Answer>> eldest) {
          return size() > ENTRIES;
        }
      };

  /** The row key stands for the document, see {@link RowKey}. */
  private record Key(Options options, Task task, String rowKey, List<String> questions) {}

  synchronized List<Answer> find(Options options, ReadRequest request) {
    return answers.getOrDefault(key(options, request), List.of());
  }

  synchronized void keep(Options options, ReadRequest request, List<Answer> given) {
    if (given.stream().allMatch(answer -> answer.error() == null)) {
      answers.put(key(options, request), given);
    }
  }

  private static Key key(Options options, ReadRequest request) {
    return new Key(options, request.task(), request.rowKey(), request.questions());
  }
}
