package org.longform.sql;

import java.util.List;
import java.util.Map;
import org.longform.memo.RecentlyUsed;
import org.longform.options.Options;
import org.longform.prompt.Task;
import org.longform.read.Answer;
import org.longform.runtime.RowKey;

/**
 * The last few answers of this process. A call that Spark evaluates as an expression of its own (in
 * a branch of CASE, in a join condition) may come twice for one row, and a function may stand
 * beside its detail form; the document is read once all the same.
 */
final class AnswerMemo {
  private static final int ENTRIES = 64;

  private final Map<Key, List<Answer>> answers = new RecentlyUsed<>(ENTRIES);

  /** The row key stands for the document, see {@link RowKey}. */
  private record Key(Options options, Task task, String rowKey, List<String> questions) {}

  synchronized List<Answer> find(
      Options options, Task task, String rowKey, List<String> questions) {
    return answers.getOrDefault(new Key(options, task, rowKey, questions), List.of());
  }

  synchronized void keep(
      Options options, Task task, String rowKey, List<String> questions, List<Answer> given) {
    if (given.stream().allMatch(answer -> answer.error() == null)) {
      answers.put(new Key(options, task, rowKey, questions), given);
    }
  }
}
