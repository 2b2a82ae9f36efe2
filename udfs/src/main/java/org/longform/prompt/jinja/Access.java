package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Parts of values: attributes, items and slices. */
final class Access {
  private Access() {}

  /** A method if the value has one of that name, else its item: as Jinja2 looks for attributes. */
  static Object attribute(Object base, String name) {
    if (base instanceof Undefined missing) {
      throw missing.failure();
    }
    if (name.startsWith("_")) {
      return new Undefined("attribute '%s', which templates may not see,".formatted(name));
    }
    Optional<TemplateFunction> method = Methods.of(base, name);
    if (method.isPresent()) {
      return method.get();
    }
    if (base instanceof Namespace namespace) {
      return namespace.get(name);
    }
    if (base instanceof Loop loop) {
      return loop.get(name);
    }
    if (base instanceof Map<?, ?> map && map.containsKey(name)) {
      return map.get(name);
    }
    return absent(base, name);
  }

  static Object item(Object base, Object key) {
    if (base instanceof Undefined missing) {
      throw missing.failure();
    }
    if (base instanceof Map<?, ?> map && Values.isKey(key) && map.containsKey(key)) {
      return map.get(key);
    }
    if (key instanceof String name) {
      return attribute(base, name);
    }
    if (Values.isNumber(key) && !(key instanceof Double)) {
      long place = Values.integer(key);
      if (base instanceof List<?> list) {
        long at = place < 0 ? place + list.size() : place;
        return at < 0 || at >= list.size() ? absent(base, key) : list.get((int) at);
      }
      if (base instanceof String text) {
        int[] letters = text.codePoints().toArray();
        long at = place < 0 ? place + letters.length : place;
        return at < 0 || at >= letters.length
            ? absent(base, key)
            : Character.toString(letters[(int) at]);
      }
    }
    return absent(base, key);
  }

  private static Undefined absent(Object base, Object key) {
    return new Undefined(
        "item %s of a %s"
            .formatted(TemplateFailure.shortened(Values.text(key)), Values.type(base)));
  }

  static Object slice(
      Object base, Optional<Object> from, Optional<Object> to, Optional<Object> step) {
    long by = step.map(Values::integer).orElse(1L);
    if (by == 0) {
      throw new TemplateFailure("it takes a slice with step 0");
    }
    if (base instanceof String text) {
      int[] letters = text.codePoints().toArray();
      StringBuilder part = new StringBuilder();
      places(letters.length, from, to, by).forEach(i -> part.appendCodePoint(letters[i]));
      return part.toString();
    }
    if (base instanceof List<?> list) {
      List<Object> part = new ArrayList<>();
      places(list.size(), from, to, by).forEach(i -> part.add(list.get(i)));
      return part;
    }
    if (base instanceof Undefined missing) {
      throw missing.failure();
    }
    throw TemplateFailure.of("it takes a slice of a %s", Values.type(base));
  }

  private static List<Integer> places(
      int length, Optional<Object> from, Optional<Object> to, long step) {
    boolean forward = step > 0;
    long first = from.map(at -> bound(at, length, forward)).orElse(forward ? 0L : length - 1L);
    long end = to.map(at -> bound(at, length, forward)).orElse(forward ? length : -1L);
    List<Integer> places = new ArrayList<>();
    for (long i = first; forward ? i < end : i > end; i += step) {
      places.add((int) i);
      if (Math.abs(step) > length) {
        break;
      }
    }
    return places;
  }

  private static long bound(Object at, int length, boolean forward) {
    long place = Values.integer(at);
    long counted = place < 0 ? place + length : place;
    return forward
        ? Math.max(0, Math.min(length, counted))
        : Math.max(-1, Math.min(length - 1L, counted));
  }
}
