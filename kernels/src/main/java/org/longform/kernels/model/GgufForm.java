package org.longform.kernels.model;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.longform.kernels.attention.PositionEncoding.Rope;

/**
 * How GGUF files hold the models of a family. Norms are stored there as their factors are, whatever
 * Hugging Face stores.
 *
 * @param architecture their {@code general.architecture}, with which their keys begin
 * @param names their names of the weights
 * @param layout which rows of the query and key matrices make a pair there
 * @param counts words of config.json for whole numbers, with GGUF's behind the architecture's name
 * @param numbers the same for other numbers
 * @param implied adds in the words of config.json what readers of such files know without being
 *     told
 */
public record GgufForm(
    String architecture,
    WeightNames names,
    Rope.Layout layout,
    Map<String, String> counts,
    Map<String, String> numbers,
    Consumer<Map<String, Object>> implied) {
  public GgufForm {
    counts = Map.copyOf(counts);
    numbers = Map.copyOf(numbers);
  }

  /** Without words of its own. */
  public GgufForm(String architecture, WeightNames names, Rope.Layout layout) {
    this(architecture, names, layout, Map.of(), Map.of(), values -> {});
  }

  public GgufForm withWords(Map<String, String> otherCounts, Map<String, String> otherNumbers) {
    return new GgufForm(architecture, names, layout, otherCounts, otherNumbers, implied);
  }

  public GgufForm implying(Consumer<Map<String, Object>> more) {
    return new GgufForm(architecture, names, layout, counts, numbers, more);
  }

  boolean is(String other) {
    return architecture.equals(other);
  }

  /** All words of config.json with those of these files. */
  Map<String, String> words() {
    Map<String, String> words = new HashMap<>(GgufConfig.KEYS);
    words.putAll(counts);
    words.putAll(numbers);
    return words;
  }

  boolean knows(String word) {
    return counts.containsKey(word) || numbers.containsKey(word);
  }
}
