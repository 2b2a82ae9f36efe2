package org.longform.tokenizer;

/** What a token of a GGUF file is; the ordinal is its number there (llama.h, llama_token_type). */
enum TokenKind {
  UNDEFINED,
  NORMAL,
  UNKNOWN,
  CONTROL,
  USER_DEFINED,
  UNUSED,
  BYTE;

  /** Tokens that no text means. */
  boolean isSpecial() {
    return this == UNKNOWN || this == CONTROL;
  }
}
