package org.longform.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.weights.GgufMetadata;

/**
 * The vocabulary of a GGUF file, checked. Its kinds: {@code gpt2}, byte-level pairs with merges and
 * a named way to split words; {@code llama}, SentencePiece's pairs with scores and bytes for
 * unknown characters.
 */
abstract class GgufVocabulary {
  static final ObjectMapper JSON = new ObjectMapper();

  // what chat models end their turn with, besides the token that ends a text
  private static final Set<String> ENDS_OF_TURN =
      Set.of("<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>");

  private static final Set<String> KEEP_SPACES_IN_PHI_3 = Set.of("<unk>", "<s>", "<|endoftext|>");

  // the work for a piece grows with the square of its length
  private static final int LONGEST_TOKEN = 2048;

  final GgufMetadata metadata;
  private final ModelFile file;
  private final List<String> tokens;
  private final Map<String, Integer> ids = new HashMap<>();
  private final long[] types;

  GgufVocabulary(ModelFile file, GgufMetadata metadata) {
    this.file = file;
    this.metadata = metadata;
    this.tokens = new ArrayList<>(metadata.texts(GgufKeys.TOKENS).orElse(List.of()));
    if (tokens.isEmpty()) {
      throw file.invalid("its metadata has no list of texts " + GgufKeys.TOKENS);
    }
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.get(id).isEmpty()) {
        // no text is empty, so this one stands for nothing; llama.cpp calls it the same
        tokens.set(id, "[EMPTY_%d]".formatted(id));
      }
      if (tokens.get(id).length() > LONGEST_TOKEN) {
        throw file.invalid(
            "its token %d has %d characters, expected at most %d"
                .formatted(id, tokens.get(id).length(), LONGEST_TOKEN));
      }
      Integer other = ids.put(tokens.get(id), id);
      if (other != null) {
        throw file.invalid("its tokens %d and %d are the same text".formatted(other, id));
      }
    }
    this.types = metadata.integers(GgufKeys.TYPES).orElseGet(() -> ordinary(tokens.size()));
    requireForEach(GgufKeys.TYPES, types.length);
    for (long type : types) {
      if (type < 0 || type >= TokenKind.values().length) {
        throw file.invalid("%s has the unknown type %d".formatted(GgufKeys.TYPES, type));
      }
    }
  }

  private static long[] ordinary(int count) {
    long[] types = new long[count];
    Arrays.fill(types, TokenKind.NORMAL.ordinal());
    return types;
  }

  /**
   * @param file named where something is wrong
   */
  static GgufVocabulary of(ModelFile file, GgufMetadata metadata) {
    String model =
        metadata
            .text(GgufKeys.MODEL)
            .orElseThrow(() -> file.invalid("its metadata has no text " + GgufKeys.MODEL));
    return switch (model) {
      case "gpt2" -> new BytePairVocabulary(file, metadata);
      case "llama" -> new SentencePieceVocabulary(file, metadata);
      default ->
          throw file.invalid(
              "its %s is '%s', expected gpt2 or llama".formatted(GgufKeys.MODEL, shortened(model)));
    };
  }

  /** Hugging Face's tokenizer.json for it. */
  final String tokenizerJson() {
    ObjectNode json = JSON.createObjectNode();
    json.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = json.putArray("added_tokens");
    for (int id = 0; id < size(); id++) {
      if (kind(id).isSpecial() || kind(id) == TokenKind.USER_DEFINED) {
        added
            .addObject()
            .put("id", id)
            .put("content", text(id))
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", takesSpacesBehind(id))
            .put("normalized", false)
            .put("special", kind(id).isSpecial());
      }
    }
    ObjectNode model = JSON.createObjectNode();
    model.put("type", "BPE").putNull("dropout").putNull("unk_token");
    model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < size(); id++) {
      vocabulary.put(text(id), id);
    }
    describe(json, model);
    if (addsBos() && bos().isPresent()) {
      json.set("post_processor", beginning(bos().get()));
    } else {
      json.putNull("post_processor");
    }
    json.set("model", model);
    return json.toString();
  }

  /** GGUF has no key for it: llama.cpp, too, tells Phi-3 by the name of the model. */
  private boolean takesSpacesBehind(int id) {
    String name = metadata.text(GgufKeys.NAME).orElse("").toLowerCase(Locale.ROOT);
    return (name.contains("phi-3") || name.contains("phi3"))
        && !KEEP_SPACES_IN_PHI_3.contains(text(id));
  }

  /** Adds normalizer, pre_tokenizer, decoder and what the kind has to say about the model. */
  abstract void describe(ObjectNode json, ObjectNode model);

  /** Whether sequences begin with {@link #bos} where the file does not say. */
  abstract boolean addsBosByDefault();

  /** The token of that role where the file names none. */
  abstract Optional<Integer> usual(String key);

  final boolean addsBos() {
    return metadata.flag(GgufKeys.ADD_BOS).orElseGet(this::addsBosByDefault);
  }

  final Optional<Integer> bos() {
    return role(GgufKeys.BOS);
  }

  final Optional<Integer> eos() {
    return role(GgufKeys.EOS);
  }

  /** Tokens that end an answer besides {@link #eos}. */
  final List<Integer> endsOfTurn() {
    List<Integer> ends = new ArrayList<>();
    role(GgufKeys.EOT).ifPresent(ends::add);
    role(GgufKeys.EOM).ifPresent(ends::add);
    for (String text : ENDS_OF_TURN) {
      Integer id = ids.get(text);
      if (id != null && kind(id) == TokenKind.CONTROL) {
        ends.add(id);
      }
    }
    return ends;
  }

  final Optional<Integer> role(String key) {
    if (!metadata.has(key)) {
      return usual(key);
    }
    long id = metadata.integer(key).orElse(-1L);
    if (id < 0 || id >= size()) {
      throw file.invalid(
          "its %s is %s, expected a token from 0 to %d"
              .formatted(key, shortened(metadata.plain(key)), size() - 1));
    }
    return Optional.of((int) id);
  }

  final int size() {
    return tokens.size();
  }

  final String text(int id) {
    return tokens.get(id);
  }

  final Optional<Integer> id(String text) {
    return Optional.ofNullable(ids.get(text));
  }

  final TokenKind kind(int id) {
    return TokenKind.values()[(int) types[id]];
  }

  final ModelFile file() {
    return file;
  }

  final void requireForEach(String key, int count) {
    if (count != size()) {
      throw file.invalid(
          "its %s has %d entries, expected one for each of %d tokens"
              .formatted(key, count, size()));
    }
  }

  static String shortened(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  private ObjectNode beginning(int bos) {
    ObjectNode processor = JSON.createObjectNode().put("type", "TemplateProcessing");
    ArrayNode single = processor.putArray("single");
    single.addObject().putObject("SpecialToken").put("id", text(bos)).put("type_id", 0);
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    ArrayNode pair = processor.putArray("pair");
    pair.addAll(single);
    pair.addObject().putObject("SpecialToken").put("id", text(bos)).put("type_id", 1);
    pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
    ObjectNode token = processor.putObject("special_tokens").putObject(text(bos));
    token.put("id", text(bos)).putArray("ids").add(bos);
    token.putArray("tokens").add(text(bos));
    return processor;
  }
}
