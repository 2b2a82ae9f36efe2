package org.longform.kernels.weights;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The metadata of a GGUF file: keys with typed values, in order. To write a file, fill one with the
 * {@code put} methods; each names the type that the file will have. Numbers are read by their
 * value, whatever their type in the file.
 */
public final class GgufMetadata {
  private final Map<String, Value> values = new LinkedHashMap<>();

  /**
   * @param type type of the value, or of the items
   * @param content String, Boolean, Long or Double; of arrays a list of String, long[] or double[]
   */
  record Value(GgufType type, boolean isArray, Object content) {}

  public GgufMetadata putText(String key, String value) {
    return put(key, GgufType.STRING, value);
  }

  public GgufMetadata putUint32(String key, long value) {
    return put(key, GgufType.UINT32, value);
  }

  public GgufMetadata putFloat32(String key, double value) {
    return put(key, GgufType.FLOAT32, value);
  }

  public GgufMetadata putFlag(String key, boolean value) {
    return put(key, GgufType.BOOL, value);
  }

  public GgufMetadata putTexts(String key, List<String> items) {
    return putArray(key, GgufType.STRING, List.copyOf(items));
  }

  public GgufMetadata putInt32s(String key, long[] items) {
    return putArray(key, GgufType.INT32, items.clone());
  }

  public GgufMetadata putFloat32s(String key, double[] items) {
    return putArray(key, GgufType.FLOAT32, items.clone());
  }

  GgufMetadata put(String key, GgufType type, Object content) {
    values.put(key, new Value(type, false, content));
    return this;
  }

  GgufMetadata putArray(String key, GgufType itemType, Object content) {
    values.put(key, new Value(itemType, true, content));
    return this;
  }

  /** Another one with the same keys and values. */
  public GgufMetadata copy() {
    GgufMetadata copy = new GgufMetadata();
    copy.values.putAll(values);
    return copy;
  }

  /** Another one without the keys that begin so. */
  GgufMetadata without(String prefix) {
    GgufMetadata copy = copy();
    copy.values.keySet().removeIf(key -> key.startsWith(prefix));
    return copy;
  }

  Map<String, Value> values() {
    return Collections.unmodifiableMap(values);
  }

  public Set<String> keys() {
    return Collections.unmodifiableSet(values.keySet());
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** A text; empty if it is absent or something else. */
  public Optional<String> text(String key) {
    return scalar(key, String.class);
  }

  /** True or false; empty if it is absent or something else. */
  public Optional<Boolean> flag(String key) {
    return scalar(key, Boolean.class);
  }

  /** A whole number; empty if it is absent or something else. */
  public Optional<Long> integer(String key) {
    return scalar(key, Long.class);
  }

  /** A list of texts; empty if it is absent or something else. */
  @SuppressWarnings("unchecked") // arrays of strings hold nothing else
  public Optional<List<String>> texts(String key) {
    Value value = values.get(key);
    return value != null && value.isArray && value.type == GgufType.STRING
        ? Optional.of((List<String>) value.content)
        : Optional.empty();
  }

  /** A list of whole numbers; empty if it is absent or something else. */
  public Optional<long[]> integers(String key) {
    return array(key, long[].class).map(long[]::clone);
  }

  /** A list of fractions; empty if it is absent or something else. */
  public Optional<double[]> fractions(String key) {
    return array(key, double[].class).map(double[]::clone);
  }

  /**
   * The value as JSON would have it: String, Boolean, Long, Double, or a list of them; null if
   * absent.
   */
  public Object plain(String key) {
    Value value = values.get(key);
    if (value == null) {
      return null;
    }
    List<Object> items = new ArrayList<>();
    if (value.content instanceof long[] numbers) {
      for (long number : numbers) {
        items.add(value.type == GgufType.BOOL ? (Object) (number != 0) : (Object) number);
      }
    } else if (value.content instanceof double[] numbers) {
      for (double number : numbers) {
        items.add(number);
      }
    } else {
      return value.content;
    }
    return items;
  }

  private <T> Optional<T> scalar(String key, Class<T> kind) {
    Value value = values.get(key);
    return value != null && !value.isArray && kind.isInstance(value.content)
        ? Optional.of(kind.cast(value.content))
        : Optional.empty();
  }

  private <T> Optional<T> array(String key, Class<T> kind) {
    Value value = values.get(key);
    return value != null && value.isArray && kind.isInstance(value.content)
        ? Optional.of(kind.cast(value.content))
        : Optional.empty();
  }
}
