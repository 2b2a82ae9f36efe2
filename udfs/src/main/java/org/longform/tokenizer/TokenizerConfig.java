package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * What {@code tokenizer_config.json} says beside the vocabulary. Every field may be absent.
 *
 * @param addsBos {@code add_bos_token}
 */
record TokenizerConfig(
    Optional<String> bosToken, Optional<String> eosToken, Optional<Boolean> addsBos) {

  static TokenizerConfig load(ModelFiles files) {
    return files
        .find("tokenizer_config.json")
        .or(() -> files.find("special_tokens_map.json"))
        .map(TokenizerConfig::read)
        .orElseGet(() -> new TokenizerConfig(Optional.empty(), Optional.empty(), Optional.empty()));
  }

  private static TokenizerConfig read(ModelFile file) {
    JsonNode json = file.jsonObject();
    JsonNode addsBos = json.path("add_bos_token");
    if (!absent(addsBos) && !addsBos.isBoolean()) {
      throw file.invalid("add_bos_token must be true or false (%s)".formatted(addsBos));
    }
    return new TokenizerConfig(
        token(file, json, "bos_token"),
        token(file, json, "eos_token"),
        absent(addsBos) ? Optional.empty() : Optional.of(addsBos.booleanValue()));
  }

  // written as its text, or as an object around it
  private static Optional<String> token(ModelFile file, JsonNode json, String field) {
    JsonNode node = json.path(field);
    if (absent(node)) {
      return Optional.empty();
    }
    JsonNode content = node.isObject() ? node.path("content") : node;
    if (!content.isTextual()) {
      throw file.invalid("%s must be a text or an object with a content".formatted(field));
    }
    return Optional.of(content.textValue());
  }

  private static boolean absent(JsonNode node) {
    return node.isMissingNode() || node.isNull();
  }
}
