package org.longform.generate;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.longform.kernels.error.LongformException;
import org.longform.options.GenerationOptions;
import org.longform.options.Option;
import org.longform.options.OptionSource;
import org.longform.options.Options;
import org.longform.tokenizer.ModelFile;
import org.longform.tokenizer.ModelFiles;

/**
 * What {@code generation_config.json} beside a model says.
 *
 * @param defaults the values it sets, of source {@link OptionSource#MODEL}
 * @param eosIds tokens that end an answer; empty where it names none
 */
public record GenerationConfig(Options defaults, List<Integer> eosIds) {
  private static final String FILE = "generation_config.json";
  private static final String TEXT = "text_config";
  private static final String END = "eos_token_id";

  /** Transformers fills this in where a model samples and does not say. */
  private static final int TRANSFORMERS_TOP_K = 50;

  public GenerationConfig {
    eosIds = List.copyOf(eosIds);
  }

  /**
   * Reads the file; a model without one sets nothing. Where it names no end token, config.json's
   * counts. As in Transformers, temperature, top_p, top_k and min_p count only where {@code
   * do_sample} is true.
   *
   * @throws LongformException INVALID_MODEL naming the file and the field
   */
  public static GenerationConfig load(ModelFiles files) {
    GenerationConfig config =
        files
            .find(FILE)
            .map(GenerationConfig::read)
            .orElseGet(() -> new GenerationConfig(Options.defaults(), List.of()));
    if (!config.eosIds.isEmpty()) {
      return config;
    }
    List<Integer> ends = files.find("config.json").map(GenerationConfig::eosIds).orElse(List.of());
    return new GenerationConfig(config.defaults, ends);
  }

  private static GenerationConfig read(ModelFile file) {
    JsonNode json = file.jsonObject();
    Options options = Options.defaults();
    options = set(options, file, json, "max_new_tokens", GenerationOptions.MAX_NEW_TOKENS);
    options = set(options, file, json, "repetition_penalty", GenerationOptions.REPETITION_PENALTY);
    options = set(options, file, json, "stop_strings", GenerationOptions.STOP);
    JsonNode sample = json.path("do_sample");
    if (!sample.isMissingNode() && !sample.isNull() && !sample.isBoolean()) {
      throw file.invalid("do_sample must be true or false (%s)".formatted(shortened(sample)));
    }
    if (sample.asBoolean(false)) {
      options =
          options
              .with(GenerationOptions.TEMPERATURE, 1.0, OptionSource.MODEL)
              .with(GenerationOptions.TOP_K, TRANSFORMERS_TOP_K, OptionSource.MODEL);
      options = set(options, file, json, "temperature", GenerationOptions.TEMPERATURE);
      options = set(options, file, json, "top_p", GenerationOptions.TOP_P);
      options = set(options, file, json, "top_k", GenerationOptions.TOP_K);
      options = set(options, file, json, "min_p", GenerationOptions.MIN_P);
    }
    return new GenerationConfig(options, eosIds(file, json.path(END)));
  }

  private static <T> Options set(
      Options options, ModelFile file, JsonNode json, String field, Option<T> option) {
    JsonNode node = json.path(field);
    if (node.isMissingNode() || node.isNull()) {
      return options;
    }
    String text = node.isTextual() ? node.textValue() : node.toString();
    try {
      T value = option.parse(field, text);
      return options.with(option, value, OptionSource.MODEL);
    } catch (LongformException e) {
      throw file.invalid(
          "%s must be %s (%s)".formatted(field, option.expectation(), shortened(node)));
    }
  }

  /** Those of the model, or of its text part if it sees, too. */
  private static List<Integer> eosIds(ModelFile config) {
    JsonNode json = config.jsonObject();
    return eosIds(config, json.hasNonNull(END) ? json.path(END) : json.path(TEXT).path(END));
  }

  private static List<Integer> eosIds(ModelFile file, JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return List.of();
    }
    Predicate<JsonNode> id = each -> each.isInt() && each.intValue() >= 0;
    List<JsonNode> nodes = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(nodes::add);
    } else {
      nodes.add(node);
    }
    if (!nodes.stream().allMatch(id)) {
      throw file.invalid(
          "eos_token_id must be a token id or a list of them (%s)".formatted(shortened(node)));
    }
    return nodes.stream().map(JsonNode::intValue).distinct().toList();
  }

  private static String shortened(JsonNode node) {
    String text = node.toString();
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }
}
