package org.longform.prompt;

import org.longform.tokenizer.Tokenizer;

/**
 * Text of a prompt.
 *
 * @param kind whether the names of special tokens in it are those tokens
 */
record Piece(String text, Kind kind) {
  enum Kind {
    /** From the model's chat template: special tokens are read. */
    TEMPLATE,
    /** From users and rows: everything is ordinary text. */
    TEXT
  }

  static Piece template(String text) {
    return new Piece(text, Kind.TEMPLATE);
  }

  static Piece text(String text) {
    return new Piece(text, Kind.TEXT);
  }

  int[] encode(Tokenizer tokenizer, Tokenizer.Place place) {
    return kind == Kind.TEMPLATE
        ? tokenizer.encodeTemplate(text, place)
        : tokenizer.encode(text, place);
  }
}
