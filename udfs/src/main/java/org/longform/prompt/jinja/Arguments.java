package org.longform.prompt.jinja;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What a function, filter or test is called with. */
record Arguments(List<Object> positional, Map<String, Object> named) {
  static Arguments of(Object... values) {
    return new Arguments(Arrays.asList(values), Map.of());
  }

  int size() {
    return positional.size();
  }

  boolean has(int place, String name) {
    return place < positional.size() || named.containsKey(name);
  }

  /** The argument at a place, which also has a name. Null where it is none. */
  Object get(int place, String name, Object otherwise) {
    if (place < positional.size()) {
      return positional.get(place);
    }
    return named.containsKey(name) ? named.get(name) : otherwise;
  }

  Object require(int place, String name) {
    if (!has(place, name)) {
      throw TemplateFailure.of("a call lacks its argument '%s'", name);
    }
    return get(place, name, null);
  }

  String text(int place, String name) {
    Object value = require(place, name);
    if (value instanceof String text) {
      return text;
    }
    throw TemplateFailure.of("the argument '%s' is a %s, not a text", name, Values.type(value));
  }

  long integer(int place, String name, long otherwise) {
    Object value = get(place, name, otherwise);
    if (value == null) {
      return otherwise;
    }
    return Values.integer(value);
  }

  boolean truth(int place, String name, boolean otherwise) {
    return Values.truth(get(place, name, otherwise));
  }

  /** Those behind the first. */
  Arguments rest() {
    return new Arguments(
        positional.subList(Math.min(1, positional.size()), positional.size()), named);
  }
}
