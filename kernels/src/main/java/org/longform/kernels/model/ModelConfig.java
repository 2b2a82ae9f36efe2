package org.longform.kernels.model;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.StrictJson;

/**
 * A model's {@code config.json}, or an object in it, read with checks: every refusal names the key
 * and its value. A key that is absent or null is the same, unless {@link #isNull} is asked. Other
 * formats are read in the words of {@code config.json}, too; refusals name their keys as the file
 * has them.
 */
public final class ModelConfig {
  private static final String FILE = "config.json";
  private static final long MAX_BYTES = 16L << 20;

  private final Spelling spelling;
  // "" or the path of the object with a dot behind, for messages
  private final String prefix;
  private final Map<String, Object> values;

  private ModelConfig(Spelling spelling, String prefix, Map<String, Object> values) {
    this.spelling = spelling;
    this.prefix = prefix;
    this.values = values;
  }

  /**
   * How messages speak of the model.
   *
   * @param place its directory or file
   * @param part what holds the values
   * @param keys what the part calls keys where it has words of its own
   */
  record Spelling(Path place, String part, Map<String, String> keys) {
    String of(String key) {
      return keys.getOrDefault(key, key);
    }
  }

  /** Values from another format, with maps for objects. */
  static ModelConfig of(Spelling spelling, Map<String, Object> values) {
    return new ModelConfig(spelling, "", values);
  }

  /**
   * @throws LongformException INVALID_MODEL if the file is missing, too large or not a JSON object
   */
  public static ModelConfig read(Path directory) {
    return of(
        new Spelling(directory, FILE, Map.of()),
        StrictJson.readObject(directory.resolve(FILE), MAX_BYTES));
  }

  /** The model's directory or file. */
  public Path place() {
    return spelling.place;
  }

  /** All keys and values, as JSON has them. */
  public Map<String, Object> values() {
    return Collections.unmodifiableMap(values);
  }

  public boolean has(String key) {
    return values.get(key) != null;
  }

  /** Whether a key is there with null for its value. */
  public boolean isNull(String key) {
    return values.containsKey(key) && !has(key);
  }

  /** A word; empty if absent. */
  public Optional<String> text(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text) {
      return Optional.of(text);
    }
    throw invalid(key, "a text");
  }

  /** A list of words; empty if absent. */
  public List<String> texts(String key) {
    List<String> texts = new ArrayList<>();
    Object value = values.get(key);
    if (value instanceof List<?> list) {
      for (Object item : list) {
        if (!(item instanceof String text)) {
          throw invalid(key, "a list of texts");
        }
        texts.add(text);
      }
    } else if (value != null) {
      throw invalid(key, "a list of texts");
    }
    return texts;
  }

  /** A whole number from 1 to 2^31 - 1. */
  public int count(String key) {
    return (int) positive(key, Integer.MAX_VALUE);
  }

  public int countOr(String key, int otherwise) {
    return has(key) ? count(key) : otherwise;
  }

  /** Whether a key has a value for each layer. */
  boolean isList(String key) {
    return values.get(key) instanceof List<?>;
  }

  /**
   * For each layer a whole number from 1 to 2^31 - 1: one number stands for all, a list has one for
   * each.
   */
  List<Integer> counts(String key, int layers) {
    if (!isList(key)) {
      return Collections.nCopies(layers, count(key));
    }
    return wholeNumbers(
        key,
        (List<?>) values.get(key),
        layers,
        1,
        "a whole number from 1 to %d, or one for each of %d layers"
            .formatted(Integer.MAX_VALUE, layers));
  }

  /**
   * For each layer a list of ascending whole numbers from 0 on.
   *
   * @param sizes of the lists
   * @param bounds what the numbers of each list are below
   */
  List<List<Integer>> ascending(String key, List<Integer> sizes, List<Integer> bounds) {
    if (!(values.get(key) instanceof List<?> lists) || lists.size() != sizes.size()) {
      throw invalid(key, "%d lists, one for each layer".formatted(sizes.size()));
    }
    List<List<Integer>> all = new ArrayList<>();
    for (int layer = 0; layer < sizes.size(); layer++) {
      String expected =
          "in layer %d %d ascending whole numbers below %d"
              .formatted(layer, sizes.get(layer), bounds.get(layer));
      if (!(lists.get(layer) instanceof List<?> list)) {
        throw invalid(key, expected);
      }
      List<Integer> numbers = wholeNumbers(key, list, sizes.get(layer), 0, expected);
      requireAscending(key, numbers, bounds.get(layer), expected);
      all.add(numbers);
    }
    return all;
  }

  /** A list of ascending whole numbers from 0 on, of a given size, below a bound. */
  List<Integer> ascending(String key, int size, int bound) {
    String expected = "%d ascending whole numbers below %d".formatted(size, bound);
    if (!(values.get(key) instanceof List<?> list)) {
      throw invalid(key, expected);
    }
    List<Integer> numbers = wholeNumbers(key, list, size, 0, expected);
    requireAscending(key, numbers, bound, expected);
    return numbers;
  }

  private void requireAscending(String key, List<Integer> numbers, int bound, String expected) {
    int previous = -1;
    for (int number : numbers) {
      if (number <= previous || number >= bound) {
        throw invalid(key, expected);
      }
      previous = number;
    }
  }

  private List<Integer> wholeNumbers(
      String key, List<?> list, int size, int least, String expected) {
    if (list.size() != size) {
      throw invalid(key, expected);
    }
    List<Integer> numbers = new ArrayList<>(size);
    for (Object item : list) {
      BigInteger value = item instanceof Number number ? whole(number) : null;
      if (value == null || value.bitLength() >= Integer.SIZE || value.intValue() < least) {
        throw invalid(key, expected);
      }
      numbers.add(value.intValue());
    }
    return numbers;
  }

  /** A list of finite numbers above 0, of a given size. */
  public List<Double> numbers(String key, int size) {
    String expected = "%d numbers above 0".formatted(size);
    if (!(values.get(key) instanceof List<?> list) || list.size() != size) {
      throw invalid(key, expected);
    }
    List<Double> numbers = new ArrayList<>(size);
    for (Object item : list) {
      double value = item instanceof Number number ? number.doubleValue() : 0;
      if (!(value > 0) || Double.isInfinite(value)) {
        throw invalid(key, expected);
      }
      numbers.add(value);
    }
    return numbers;
  }

  /**
   * For each layer one of the known words; empty if absent.
   *
   * @param layers at least so many words must be there
   */
  public List<String> words(String key, int layers, String... known) {
    List<String> words = texts(key);
    if (!words.isEmpty() && words.size() < layers) {
      throw invalid(key, "a word for each of %d layers".formatted(layers));
    }
    for (String word : words) {
      if (!Arrays.asList(known).contains(word)) {
        throw unsupported(key, word, known);
      }
    }
    return words;
  }

  /**
   * For each layer true or false, which may be written as 1 or 0; empty if absent.
   *
   * @param layers at least so many must be there
   */
  public List<Boolean> flags(String key, int layers) {
    Object value = values.get(key);
    if (value == null) {
      return List.of();
    }
    String expected = "true or false for each of %d layers".formatted(layers);
    if (!(value instanceof List<?> list) || list.size() < layers) {
      throw invalid(key, expected);
    }
    List<Boolean> flags = new ArrayList<>(layers);
    for (Object item : list.subList(0, layers)) {
      if (item instanceof Boolean flag) {
        flags.add(flag);
      } else if (item instanceof Number number && number.doubleValue() == 0) {
        flags.add(false);
      } else if (item instanceof Number number && number.doubleValue() == 1) {
        flags.add(true);
      } else {
        throw invalid(key, expected);
      }
    }
    return flags;
  }

  /** Any finite number; empty if absent. */
  public OptionalDouble anyNumber(String key) {
    Object value = values.get(key);
    if (value == null) {
      return OptionalDouble.empty();
    }
    if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
      return OptionalDouble.of(number.doubleValue());
    }
    throw invalid(key, "a number");
  }

  /**
   * The same in the usual words, for families whose files have words of their own.
   *
   * @param keys for usual words those of the files; where a file has the usual word alone, that
   *     counts
   */
  public ModelConfig inUsualWords(Map<String, String> keys) {
    Map<String, Object> usual = new LinkedHashMap<>(values);
    Map<String, String> spelled = new HashMap<>(spelling.keys);
    keys.forEach(
        (word, key) -> {
          if (has(key) || !has(word)) {
            change(usual, word, values.get(key));
            spelled.put(prefix + word, key);
          }
        });
    return new ModelConfig(new Spelling(spelling.place, spelling.part, spelled), prefix, usual);
  }

  /** The same model with other values; null removes one. */
  public ModelConfig with(Map<String, Object> changes) {
    Map<String, Object> changed = new LinkedHashMap<>(values);
    changes.forEach((key, value) -> change(changed, key, value));
    return new ModelConfig(spelling, prefix, changed);
  }

  // the others stay as they are: a null may say more than an absent key
  private static void change(Map<String, Object> values, String key, Object value) {
    if (value == null) {
      values.remove(key);
    } else {
      values.put(key, value);
    }
  }

  /** The same model with a value where it has none. */
  public ModelConfig withDefault(String key, Object value) {
    return has(key) ? this : with(Map.of(key, value));
  }

  /** A whole number of tokens from 1 to 2^53, also if written as 8192.0. */
  public long tokens(String key) {
    return positive(key, 1L << 53);
  }

  /** A finite number above 0. */
  public double number(String key) {
    if (values.get(key) instanceof Number number) {
      double value = number.doubleValue();
      if (value > 0 && value < Double.POSITIVE_INFINITY) {
        return value;
      }
    }
    throw invalid(key, "a number above 0");
  }

  /** Refuses a model of which a flag is not as the engine computes it. */
  public void requireFlag(String key, boolean otherwise, boolean wanted) {
    if (is(key, otherwise) != wanted) {
      throw unsupported(key, String.valueOf(!wanted), String.valueOf(wanted));
    }
  }

  /** True or false. */
  public boolean flagOr(String key, boolean otherwise) {
    return is(key, otherwise);
  }

  public double numberOr(String key, double otherwise) {
    return has(key) ? number(key) : otherwise;
  }

  /** A finite number from 0 on; 0 if absent. */
  public double zeroOrMore(String key) {
    return has(key) && values.get(key) instanceof Number number && number.doubleValue() == 0
        ? 0
        : numberOr(key, 0);
  }

  /** True or false; false if absent. */
  public boolean flag(String key) {
    return is(key, Boolean.FALSE);
  }

  /** True or false; true if absent. */
  public boolean flagUnlessOff(String key) {
    return is(key, Boolean.TRUE);
  }

  /** An object in this one; empty if absent. */
  public Optional<ModelConfig> section(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // StrictJson makes no other maps
      Map<String, Object> section = (Map<String, Object>) map;
      return Optional.of(new ModelConfig(spelling, prefix + key + ".", section));
    }
    throw invalid(key, "an object");
  }

  /**
   * Refuses a model whose {@code key} (or {@code otherwise} where it is absent) is none of the
   * words that the engine can compute.
   */
  public void require(String key, String otherwise, String... supported) {
    String value = text(key).orElse(otherwise);
    if (!Arrays.asList(supported).contains(value)) {
      throw unsupported(key, value, supported);
    }
  }

  /** Refuses a divisor that does not divide. */
  public void requireDivides(String divisorKey, int divisor, String key, int number) {
    if (number % divisor != 0) {
      throw failed(
          ErrorClass.INVALID_MODEL,
          "has %s = %d, which does not divide %s = %d"
              .formatted(spelled(divisorKey), divisor, spelled(key), number));
    }
  }

  /**
   * Dimensions of a head: {@code head_dim} where it is given, else hidden/heads. Checks that it is
   * even and that all heads together fit an index.
   */
  public int headDim(int hidden, int heads) {
    if (!has("head_dim")) {
      requireDivides("num_attention_heads", heads, "hidden_size", hidden);
    }
    int headDim = countOr("head_dim", hidden / heads);
    if (headDim % 2 != 0) {
      throw failed(
          ErrorClass.INVALID_MODEL,
          "gives heads of %d dimensions, expected an even number".formatted(headDim));
    }
    if ((long) headDim * heads > Integer.MAX_VALUE) {
      throw failed(
          ErrorClass.INVALID_MODEL,
          "gives %d heads of %d dimensions, which is more than 2147483647 in all"
              .formatted(heads, headDim));
    }
    return headDim;
  }

  /** INVALID_MODEL: the value of a key is not what it must be. */
  public LongformException invalid(String key, String expected) {
    return failed(
        ErrorClass.INVALID_MODEL,
        has(key)
            ? "has %s = %s, expected %s"
                .formatted(spelled(key), shortened(values.get(key)), expected)
            : "lacks %s, expected %s".formatted(spelled(key), expected));
  }

  /** UNSUPPORTED_MODEL: the value of a key is none of the known ones. */
  public LongformException unsupported(String key, String value, String... known) {
    return failed(
        ErrorClass.UNSUPPORTED_MODEL,
        "has %s = '%s', which is unknown (known: %s)"
            .formatted(spelled(key), shortened(value), String.join(", ", known)));
  }

  private String spelled(String key) {
    return spelling.of(prefix + key);
  }

  /** The exception that says what is wrong with this part of the model. */
  public LongformException failed(ErrorClass errorClass, String why) {
    return new LongformException(
        errorClass,
        "Cannot load model '%s': %s %s. %s"
            .formatted(
                spelling.place,
                spelling.part,
                why,
                errorClass == ErrorClass.INVALID_MODEL
                    ? "Download or convert the model again."
                    : "Use a model of another kind."));
  }

  /** Values come from outside: no message grows with them. */
  static String shortened(Object value) {
    String text = String.valueOf(value);
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  private long positive(String key, long largest) {
    if (values.get(key) instanceof Number number) {
      BigInteger value = whole(number);
      if (value != null && value.signum() > 0 && value.bitLength() < 64) {
        long whole = value.longValue();
        if (whole <= largest) {
          return whole;
        }
      }
    }
    throw invalid(key, "a whole number from 1 to " + largest);
  }

  /** The number if it is whole, else null. */
  private static BigInteger whole(Number number) {
    if (number instanceof BigInteger big) {
      return big;
    }
    if (number instanceof Double value) {
      boolean whole = Math.abs(value) < 0x1p63 && value == Math.rint(value);
      return whole ? BigDecimal.valueOf(value).toBigInteger() : null;
    }
    return BigInteger.valueOf(number.longValue());
  }

  private boolean is(String key, Boolean otherwise) {
    Object value = has(key) ? values.get(key) : otherwise;
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw invalid(key, "true or false");
  }
}
