package org.longform.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.longform.kernels.weights.GgufMetadata;
import org.longform.kernels.weights.GgufWeights;

/**
 * What the files of a directory would be for a GGUF file. A tokenizer that the file holds as
 * Hugging Face's own text (gguf.md, {@code tokenizer.huggingface.json}) is taken as it is; else one
 * is written that splits texts as llama.cpp does with the vocabulary.
 */
final class GgufModelFiles implements ModelFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final GgufMetadata metadata;

  private GgufModelFiles(Path file, GgufMetadata metadata) {
    this.file = file;
    this.metadata = metadata;
  }

  static GgufModelFiles read(Path file) {
    return new GgufModelFiles(file, GgufWeights.metadata(file));
  }

  @Override
  public Path place() {
    return file;
  }

  @Override
  public Optional<ModelFile> find(String name) {
    return switch (name) {
      case "tokenizer.json" -> stored(GgufKeys.HUGGING_FACE, () -> vocabulary().tokenizerJson());
      case "tokenizer_config.json" -> Optional.of(of(tokenizerConfig().toString()));
      case "generation_config.json" ->
          stored(GgufKeys.GENERATION_CONFIG, () -> generationConfig().toString());
      default -> Optional.empty();
    };
  }

  private Optional<ModelFile> stored(String key, Supplier<String> otherwise) {
    return Optional.of(of(metadata.text(key).orElseGet(otherwise)));
  }

  private ModelFile of(String text) {
    return new ModelFile(file, text);
  }

  private GgufVocabulary vocabulary() {
    return GgufVocabulary.of(of(""), metadata);
  }

  private ObjectNode tokenizerConfig() {
    GgufVocabulary vocabulary = vocabulary();
    ObjectNode config = JSON.createObjectNode();
    config.put("tokenizer_class", "PreTrainedTokenizerFast");
    vocabulary.bos().ifPresent(id -> config.put("bos_token", vocabulary.text(id)));
    vocabulary.eos().ifPresent(id -> config.put("eos_token", vocabulary.text(id)));
    config.put("add_bos_token", vocabulary.bos().isPresent() && vocabulary.addsBos());
    metadata
        .text(GgufKeys.CHAT_TEMPLATE)
        .ifPresent(template -> config.put("chat_template", template));
    return config;
  }

  private ObjectNode generationConfig() {
    GgufVocabulary vocabulary = vocabulary();
    ObjectNode config = JSON.createObjectNode();
    vocabulary.bos().ifPresent(id -> config.put("bos_token_id", id));
    TreeSet<Integer> ends = new TreeSet<>();
    vocabulary.eos().ifPresent(ends::add);
    ends.addAll(vocabulary.endsOfTurn());
    if (!ends.isEmpty()) {
      ArrayNode ids = config.putArray("eos_token_id");
      ends.forEach(ids::add);
    }
    return config;
  }
}
