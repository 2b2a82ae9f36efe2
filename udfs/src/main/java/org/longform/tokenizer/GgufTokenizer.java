package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.GgufMetadata;

/**
 * Describes a tokenizer in the metadata of a GGUF file: in the keys that llama.cpp reads, and as
 * the whole {@code tokenizer.json}, which we read back.
 */
public final class GgufTokenizer {
  private static final String BYTE_TOKEN = "<0x[0-9A-F]{2}>";

  private final ModelFile file;
  private final JsonNode json;
  private final JsonNode model;
  private final String[] tokens;
  private final long[] types;
  private final GgufMetadata metadata;
  private Optional<String> note = Optional.empty();

  private GgufTokenizer(ModelFile file, int vocabulary, GgufMetadata metadata) {
    this.file = file;
    this.json = file.jsonObject();
    this.model = json.path("model");
    this.tokens = new String[vocabulary];
    this.types = new long[vocabulary];
    this.metadata = metadata;
  }

  /**
   * @param vocabulary rows of the model's embedding: a file has a token for each
   * @param ends tokens that end an answer, the first of them the end of texts
   * @return what llama.cpp will do otherwise than this product with the file, if anything
   * @throws LongformException UNSUPPORTED_MODEL for a kind of tokenizer that GGUF files do not hold
   */
  public static Optional<String> describe(
      ModelFiles files, int vocabulary, List<Integer> ends, GgufMetadata metadata) {
    ModelFile file = files.require("tokenizer.json");
    try (Tokenizer tokenizer = Tokenizer.load(files)) {
      if (tokenizer.vocabSize() > vocabulary) {
        throw file.invalid(
            "it has %d tokens, and the model has %d".formatted(tokenizer.vocabSize(), vocabulary));
      }
      GgufTokenizer described = new GgufTokenizer(file, vocabulary, metadata);
      described.describe();
      tokenizer.bosId().ifPresent(id -> metadata.putUint32(GgufKeys.BOS, id));
      metadata.putFlag(GgufKeys.ADD_BOS, tokenizer.addsBos());
      metadata.putFlag(GgufKeys.ADD_EOS, false);
      if (!ends.isEmpty()) {
        metadata.putUint32(GgufKeys.EOS, ends.get(0));
      }
      if (ends.size() > 1) {
        metadata.putUint32(GgufKeys.EOT, ends.get(1));
      }
      return described.note;
    }
  }

  /** Adds the chat template. */
  public static void describeTemplate(String template, GgufMetadata metadata) {
    metadata.putText(GgufKeys.CHAT_TEMPLATE, template);
  }

  /** Adds what generation_config.json says. */
  public static void describeGeneration(String text, GgufMetadata metadata) {
    metadata.putText(GgufKeys.GENERATION_CONFIG, text);
  }

  private void describe() {
    if (!model.path("type").asText("BPE").equals("BPE") || !model.path("vocab").isObject()) {
      throw unsupported("it is of type '%s'".formatted(model.path("type").asText()));
    }
    readTokens();
    List<String> steps = WordSplit.steps(json.path("pre_tokenizer"));
    if (WordSplit.isByteLevel(steps)) {
      metadata.putText(GgufKeys.MODEL, "gpt2");
      putWords(steps);
      putMerges();
    } else if (model.path("byte_fallback").asBoolean(false)) {
      metadata.putText(GgufKeys.MODEL, "llama");
      markBytes();
      putScores();
      metadata.putFlag(GgufKeys.SPACE_PREFIX, putsSpaceFirst());
    } else {
      throw unsupported("it is neither byte-level nor has it bytes for unknown characters");
    }
    metadata.putTexts(GgufKeys.TOKENS, Arrays.asList(tokens));
    metadata.putInt32s(GgufKeys.TYPES, types);
    metadata.putText(GgufKeys.HUGGING_FACE, file.text());
  }

  private void readTokens() {
    Arrays.fill(types, TokenKind.UNUSED.ordinal());
    model
        .path("vocab")
        .properties()
        .forEach(entry -> set(entry.getValue().intValue(), entry.getKey(), TokenKind.NORMAL));
    for (JsonNode token : json.path("added_tokens")) {
      set(
          token.path("id").intValue(),
          token.path("content").asText(),
          token.path("special").asBoolean(false) ? TokenKind.CONTROL : TokenKind.USER_DEFINED);
    }
    JsonNode unknown = model.path("unk_token");
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id] == null) {
        tokens[id] = "[PAD%d]".formatted(id);
      } else if (unknown.isTextual() && tokens[id].equals(unknown.textValue())) {
        types[id] = TokenKind.UNKNOWN.ordinal();
        metadata.putUint32(GgufKeys.UNKNOWN, id);
      }
    }
  }

  private void set(int id, String text, TokenKind kind) {
    tokens[id] = text;
    types[id] = kind.ordinal();
  }

  private void putWords(List<String> steps) {
    boolean wholeWordsFirst = model.path("ignore_merges").asBoolean(false);
    Optional<WordSplit> split = WordSplit.of(steps, wholeWordsFirst);
    if (split.isEmpty()) {
      split = WordSplit.like(steps, wholeWordsFirst);
      note =
          Optional.of(
              "llama.cpp has no name for the way its tokenizer splits words; it will do so as '%s'"
                  .formatted(split.map(WordSplit::ggufName).orElse(WordSplit.DEFAULT)));
    }
    metadata.putText(GgufKeys.PRE, split.map(WordSplit::ggufName).orElse(WordSplit.DEFAULT));
  }

  private void putMerges() {
    List<String> merges = new ArrayList<>();
    for (String[] merge : merges()) {
      merges.add(merge[0] + " " + merge[1]);
    }
    metadata.putTexts(GgufKeys.MERGES, merges);
  }

  // written as lists of two or, in older files, as one text
  private List<String[]> merges() {
    List<String[]> merges = new ArrayList<>();
    for (JsonNode merge : model.path("merges")) {
      String[] parts =
          merge.isTextual()
              ? merge.textValue().split(" ", 2)
              : new String[] {merge.path(0).asText(), merge.path(1).asText()};
      if (parts.length != 2) {
        throw file.invalid("entry %d of its merges is no pair".formatted(merges.size()));
      }
      merges.add(parts);
    }
    return merges;
  }

  private void markBytes() {
    for (int id = 0; id < tokens.length; id++) {
      if (types[id] == TokenKind.NORMAL.ordinal() && tokens[id].matches(BYTE_TOKEN)) {
        types[id] = TokenKind.BYTE.ordinal();
      }
    }
  }

  /** The earlier a piece is made, the higher its score; what nothing makes comes last. */
  private void putScores() {
    Map<String, Integer> ranks = new HashMap<>();
    List<String[]> merges = merges();
    for (int rank = 0; rank < merges.size(); rank++) {
      ranks.putIfAbsent(merges.get(rank)[0] + merges.get(rank)[1], rank);
    }
    double[] scores = new double[tokens.length];
    for (int id = 0; id < tokens.length; id++) {
      scores[id] = -(double) ranks.getOrDefault(tokens[id], merges.size() + id);
    }
    metadata.putFloat32s(GgufKeys.SCORES, scores);
  }

  private boolean putsSpaceFirst() {
    List<JsonNode> parts = new ArrayList<>(json.path("normalizer").findParents("prepend"));
    JsonNode metaspace = json.path("pre_tokenizer");
    return !parts.isEmpty()
        || metaspace.path("add_prefix_space").asBoolean(false)
        || !metaspace.path("prepend_scheme").asText("never").equals("never");
  }

  private LongformException unsupported(String why) {
    return new LongformException(
        ErrorClass.UNSUPPORTED_MODEL,
        "Cannot describe tokenizer '%s' in a GGUF file: %s. Convert to a directory instead."
            .formatted(file.path(), why));
  }
}
