package org.longform.prompt.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code namespace()} makes: the one value whose attributes a template can set. */
final class Namespace {
  private final Map<String, Object> attributes;

  Namespace(Map<String, Object> attributes) {
    this.attributes = new LinkedHashMap<>(attributes);
  }

  Object get(String name) {
    return attributes.containsKey(name)
        ? attributes.get(name)
        : new Undefined("attribute '%s' of the namespace".formatted(name));
  }

  void set(String name, Object value) {
    attributes.put(name, value);
  }
}
