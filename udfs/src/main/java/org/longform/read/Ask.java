package org.longform.read;

import java.util.List;
import org.longform.options.Options;
import org.longform.prompt.Task;

/**
 * One of several things that are asked of one document.
 *
 * @param task what to do
 * @param questions the questions of {@link Task#ASK}; one empty string for other tasks
 * @param options all options of the call, those of the process included
 */
public record Ask(Task task, List<String> questions, Options options) {
  public Ask {
    questions = List.copyOf(questions);
  }
}
