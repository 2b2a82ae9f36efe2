package org.longform.tokenizer;

/** Keys of a GGUF file's metadata that tell how texts become tokens. */
final class GgufKeys {
  static final String NAME = "general.name";
  static final String MODEL = "tokenizer.ggml.model";
  static final String PRE = "tokenizer.ggml.pre";
  static final String TOKENS = "tokenizer.ggml.tokens";
  static final String TYPES = "tokenizer.ggml.token_type";
  static final String SCORES = "tokenizer.ggml.scores";
  static final String MERGES = "tokenizer.ggml.merges";
  static final String BOS = "tokenizer.ggml.bos_token_id";
  static final String EOS = "tokenizer.ggml.eos_token_id";
  static final String EOT = "tokenizer.ggml.eot_token_id";
  static final String EOM = "tokenizer.ggml.eom_token_id";
  static final String UNKNOWN = "tokenizer.ggml.unknown_token_id";
  static final String ADD_BOS = "tokenizer.ggml.add_bos_token";
  static final String ADD_EOS = "tokenizer.ggml.add_eos_token";
  static final String SPACE_PREFIX = "tokenizer.ggml.add_space_prefix";
  static final String REMOVE_SPACES = "tokenizer.ggml.remove_extra_whitespaces";
  static final String CHAT_TEMPLATE = "tokenizer.chat_template";
  static final String HUGGING_FACE = "tokenizer.huggingface.json";

  /** Ours: no key of the specification holds what generation_config.json says. */
  static final String GENERATION_CONFIG = "longform.generation_config";

  private GgufKeys() {}
}
