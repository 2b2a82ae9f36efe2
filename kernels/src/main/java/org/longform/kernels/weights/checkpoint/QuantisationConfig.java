package org.longform.kernels.weights.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * What {@code config.json} says of how the weights are stored, or an object in that, read with
 * checks. A key that is absent or null is the same.
 */
public final class QuantisationConfig {
  private final Path place;
  // the path of the object, for messages
  private final String key;
  private final Map<String, Object> values;

  private QuantisationConfig(Path place, String key, Map<String, Object> values) {
    this.place = place;
    this.key = key;
    this.values = values;
  }

  /**
   * An object of a model's config.
   *
   * @param key that it has there
   */
  static QuantisationConfig of(Path place, String key, Object object) {
    if (object instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // the keys of JSON objects are texts
      Map<String, Object> values = (Map<String, Object>) map;
      return new QuantisationConfig(place, key, values);
    }
    throw failed(
        place,
        ErrorClass.INVALID_MODEL,
        "config.json has %s = %s, expected an object".formatted(key, shortened(object)));
  }

  /** The model's directory. */
  Path place() {
    return place;
  }

  boolean has(String word) {
    return values.get(word) != null;
  }

  /** The words of this object. */
  Iterable<String> words() {
    return values.keySet();
  }

  Optional<String> text(String word) {
    Object value = values.get(word);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text) {
      return Optional.of(text);
    }
    throw invalid(word, "a text");
  }

  boolean flag(String word, boolean otherwise) {
    Object value = values.get(word);
    if (value == null) {
      return otherwise;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw invalid(word, "true or false");
  }

  /** A list; empty if absent. */
  List<?> list(String word) {
    Object value = values.get(word);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> list) {
      return list;
    }
    throw invalid(word, "a list");
  }

  Optional<QuantisationConfig> section(String word) {
    return has(word)
        ? Optional.of(of(place, key + "." + word, values.get(word)))
        : Optional.empty();
  }

  /** Bits of a level: 4 or 8. */
  int bits(String word) {
    if (values.get(word) instanceof Integer bits && (bits == 4 || bits == 8)) {
      return bits;
    }
    throw unsupported(word, "4 or 8");
  }

  /** Neighbours that share a step; 0 if all of a row do, which the file says as -1. */
  int group(String word) {
    if (values.get(word) instanceof Integer group && (group == -1 || group >= 1)) {
      return Math.max(group, 0);
    }
    throw invalid(word, "a whole number from 1 on, or -1 for whole rows");
  }

  /** INVALID_MODEL: the value of a word is not what it must be. */
  LongformException invalid(String word, String expected) {
    return failed(place, ErrorClass.INVALID_MODEL, told(word, expected));
  }

  /** UNSUPPORTED_MODEL: the value of a word is none that can be read. */
  LongformException unsupported(String word, String expected) {
    return failed(place, ErrorClass.UNSUPPORTED_MODEL, told(word, expected));
  }

  private String told(String word, String expected) {
    return has(word)
        ? "config.json has %s.%s = %s, expected %s"
            .formatted(key, word, shortened(values.get(word)), expected)
        : "config.json lacks %s.%s, expected %s".formatted(key, word, expected);
  }

  /** The exception for a model that cannot be loaded. */
  static LongformException failed(Path place, ErrorClass errorClass, String why) {
    return new LongformException(
        errorClass,
        "Cannot load model '%s': %s. %s"
            .formatted(
                place,
                why,
                errorClass == ErrorClass.INVALID_MODEL
                    ? "Download or convert the model again."
                    : "Use a copy of the model with plain weights, one stored as %s, or a .gguf file."
                        .formatted(CheckpointFormats.names())));
  }

  /** Values come from outside: no message grows with them. */
  static String shortened(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }
}
