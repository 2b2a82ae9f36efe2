package org.longform.kernels.context;

import java.nio.charset.StandardCharsets;

/** Makes tokens of a text that stands between other tokens: a model's tokenizer. */
public interface TextTokens {
  /** As many tokens, all with id 0, as an English text has or a few more: one for four bytes. */
  TextTokens ESTIMATE = text -> new int[(text.getBytes(StandardCharsets.UTF_8).length + 3) / 4];

  int[] of(String text);
}
