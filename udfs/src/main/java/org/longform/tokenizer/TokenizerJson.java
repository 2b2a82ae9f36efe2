package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;

/** The checked content of {@code tokenizer.json}: vocabulary and added tokens. */
final class TokenizerJson {
  private static final Pattern TURN =
      Pattern.compile("<\\|.*\\|>|</?s>|\\[/?[A-Z_]+]|<</?SYS>>|<(start|end)_of_turn>");

  // what has a place for each token must not grow with one number of a file
  private static final int LARGEST_ID = (1 << 24) - 1;

  private record AddedToken(int id, String content, Kind kind) {}

  private enum Kind {
    ORDINARY,
    SPECIAL
  }

  private final ModelFile file;
  private final ObjectNode json;
  private final JsonNode vocabulary;
  private final List<AddedToken> addedTokens;
  private final int vocabularySize;

  private TokenizerJson(ModelFile file) {
    this.file = file;
    this.json = (ObjectNode) file.jsonObject();
    JsonNode model = json.path("model");
    if (!model.isObject()) {
      throw file.invalid("it has no object 'model'");
    }
    this.vocabulary = model.path("vocab");
    this.addedTokens = readAddedTokens();
    int largest = largestVocabularyId();
    for (AddedToken token : addedTokens) {
      largest = Math.max(largest, token.id());
    }
    this.vocabularySize = largest + 1;
  }

  static TokenizerJson load(ModelFiles files) {
    return new TokenizerJson(files.require("tokenizer.json"));
  }

  ModelFile file() {
    return file;
  }

  /** One more than the largest token id. */
  int vocabularySize() {
    return vocabularySize;
  }

  OptionalInt idOf(String content) {
    for (AddedToken token : addedTokens) {
      if (token.content().equals(content)) {
        return OptionalInt.of(token.id());
      }
    }
    JsonNode id = vocabulary.isObject() ? vocabulary.path(content) : vocabulary.path(-1);
    if (id.isInt()) {
      return OptionalInt.of(id.intValue());
    }
    for (int i = 0; vocabulary.isArray() && i < vocabulary.size(); i++) {
      if (vocabulary.get(i).path(0).asText().equals(content)) {
        return OptionalInt.of(i);
      }
    }
    return OptionalInt.empty();
  }

  /** Special tokens by id. */
  Map<Integer, String> specialTokens() {
    Map<Integer, String> special = new LinkedHashMap<>();
    for (AddedToken token : addedTokens) {
      if (token.kind() == Kind.SPECIAL) {
        special.put(token.id(), token.content());
      }
    }
    return special;
  }

  /** How tokens become text. */
  JsonNode decoder() {
    return json.path("decoder");
  }

  /**
   * Tokens by id as the vocabulary writes them, without added tokens and the one for the unknown.
   */
  Map<Integer, String> textTokens() {
    Map<Integer, String> tokens = new LinkedHashMap<>();
    if (vocabulary.isObject()) {
      vocabulary
          .properties()
          .forEach(each -> tokens.put(each.getValue().intValue(), each.getKey()));
    } else {
      for (int id = 0; id < vocabulary.size(); id++) {
        tokens.put(id, vocabulary.get(id).path(0).asText());
      }
    }
    addedTokens.forEach(token -> tokens.remove(token.id()));
    JsonNode unknown = json.path("model").path("unk_token");
    JsonNode unknownId = json.path("model").path("unk_id");
    tokens
        .entrySet()
        .removeIf(
            each ->
                (unknown.isTextual() && each.getValue().equals(unknown.textValue()))
                    || (unknownId.isInt() && each.getKey() == unknownId.intValue()));
    return tokens;
  }

  /** For prompt templates: the text of a special token is read as that token. */
  String forTemplates() {
    return plain().toString();
  }

  /**
   * For documents: the text of a special token is ordinary text, so that a document cannot end its
   * own turn or begin another. Nothing is added around the text, and offsets are not trimmed.
   *
   * @param neverInText a text no document contains, to keep the ids of the tokens it hides
   */
  String forDocuments(String neverInText) {
    ObjectNode copy = plain();
    copy.putNull("post_processor");
    hideInVocabulary((ObjectNode) copy.path("model"), neverInText);
    ArrayNode kept = copy.putArray("added_tokens");
    for (JsonNode token : json.path("added_tokens")) {
      if (!isControl(token)) {
        kept.add(token);
      } else if (!inVocabulary(token.path("content").textValue())) {
        // ids of added tokens follow from their order, so a hidden one must keep its place
        kept.add(((ObjectNode) token.deepCopy()).put("content", neverInText + token.path("id")));
      }
    }
    return copy.toString();
  }

  // some models with a chat template do not mark the tokens of its turns as special
  private static boolean isControl(JsonNode token) {
    return token.path("special").booleanValue()
        || TURN.matcher(token.path("content").asText()).matches();
  }

  /**
   * Takes the texts of control tokens out of the vocabulary, too: a model that looks whole words or
   * pieces up there (Unigram, WordLevel, BPE that ignores merges) would find them. The ids stay.
   */
  private void hideInVocabulary(ObjectNode model, String neverInText) {
    Set<String> hidden = new HashSet<>();
    for (JsonNode token : json.path("added_tokens")) {
      if (isControl(token)) {
        hidden.add(token.path("content").asText());
      }
    }
    // what stands for unknown text must have its name
    hidden.remove(model.path("unk_token").asText());
    hidden.removeAll(merged(model.path("merges")));
    if (model.path("vocab").isArray()) {
      ArrayNode pieces = model.putArray("vocab");
      vocabulary.forEach(
          piece ->
              pieces.add(
                  hidden.contains(piece.path(0).asText())
                      ? json.arrayNode().add(neverInText + pieces.size()).add(piece.path(1))
                      : piece));
    } else if (hidden.stream().anyMatch(vocabulary::has)) {
      ObjectNode words = model.putObject("vocab");
      vocabulary
          .properties()
          .forEach(
              word ->
                  words.set(
                      hidden.contains(word.getKey())
                          ? neverInText + word.getValue()
                          : word.getKey(),
                      word.getValue()));
    }
  }

  private static Set<String> merged(JsonNode merges) {
    Set<String> merged = new HashSet<>();
    for (JsonNode merge : merges) {
      merged.add(
          merge.isTextual()
              ? merge.asText().replaceFirst(" ", "")
              : merge.path(0).asText() + merge.path(1).asText());
    }
    return merged;
  }

  // documents are cut by us, never by the tokenizer; dropout would make ids random
  private ObjectNode plain() {
    ObjectNode copy = json.objectNode();
    copy.setAll(json);
    copy.putNull("truncation").putNull("padding");
    ObjectNode model = json.objectNode();
    model.setAll((ObjectNode) json.path("model"));
    if (model.has("dropout")) {
      model.putNull("dropout");
    }
    copy.set("model", model);
    return copy;
  }

  private boolean inVocabulary(String content) {
    if (vocabulary.isObject()) {
      return vocabulary.has(content);
    }
    for (JsonNode entry : vocabulary) {
      if (entry.path(0).asText().equals(content)) {
        return true;
      }
    }
    return false;
  }

  private List<AddedToken> readAddedTokens() {
    JsonNode array = json.path("added_tokens");
    if (array.isMissingNode() || array.isNull()) {
      return List.of();
    }
    if (!array.isArray()) {
      throw file.invalid("its 'added_tokens' must be a list");
    }
    List<AddedToken> tokens = new ArrayList<>();
    for (JsonNode each : array) {
      JsonNode id = each.path("id");
      JsonNode content = each.path("content");
      if (!isId(id) || !content.isTextual() || content.asText().isEmpty()) {
        throw file.invalid(
            "entry %d of its 'added_tokens' needs an id from 0 to %d and a content"
                .formatted(tokens.size(), LARGEST_ID));
      }
      Kind kind = each.path("special").asBoolean(false) ? Kind.SPECIAL : Kind.ORDINARY;
      tokens.add(new AddedToken(id.intValue(), content.textValue(), kind));
    }
    return tokens;
  }

  private static boolean isId(JsonNode id) {
    return id.isInt() && id.intValue() >= 0 && id.intValue() <= LARGEST_ID;
  }

  private int largestVocabularyId() {
    if (vocabulary.isArray()) {
      return vocabulary.size() - 1;
    }
    if (!vocabulary.isObject() || vocabulary.isEmpty()) {
      throw file.invalid("its model has no vocabulary");
    }
    int largest = -1;
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      JsonNode id = entry.getValue();
      if (!isId(id)) {
        throw file.invalid("the id of token '%s' is not one (%s)".formatted(entry.getKey(), id));
      }
      largest = Math.max(largest, id.intValue());
    }
    return largest;
  }
}
