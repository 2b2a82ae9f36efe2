package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The methods of Python's texts, dictionaries and lists that a template may call. */
final class Methods {
  /** Those that change their value, which Transformers refuses, too. */
  private static final Set<String> CHANGING =
      Set.of(
          "append",
          "extend",
          "insert",
          "pop",
          "popitem",
          "remove",
          "clear",
          "update",
          "setdefault",
          "sort",
          "reverse");

  private Methods() {}

  static Optional<TemplateFunction> of(Object base, String name) {
    if (base instanceof String text) {
      return Optional.ofNullable(TextMethods.ALL.get(name))
          .map(method -> (arguments, rendering) -> method.call(text, arguments, rendering));
    }
    boolean changes = CHANGING.contains(name);
    if (base instanceof Map<?, ?> map) {
      return changes && !name.equals("insert") ? Optional.of(refused(name)) : ofMap(map, name);
    }
    if (base instanceof List<?> list) {
      return changes ? Optional.of(refused(name)) : ofList(list, name);
    }
    return Optional.empty();
  }

  private static TemplateFunction refused(String name) {
    return (arguments, rendering) -> {
      throw TemplateFailure.of("it changes a value ('%s'), which templates may not", name);
    };
  }

  private static Optional<TemplateFunction> ofMap(Map<?, ?> map, String name) {
    return switch (name) {
      case "items" -> Optional.of((arguments, rendering) -> items(map));
      case "keys" -> Optional.of((arguments, rendering) -> new ArrayList<>(map.keySet()));
      case "values" -> Optional.of((arguments, rendering) -> new ArrayList<>(map.values()));
      case "copy" -> Optional.of((arguments, rendering) -> new LinkedHashMap<>(map));
      case "get" ->
          Optional.of(
              (arguments, rendering) -> {
                Object key = Values.requireKey(arguments.require(0, "key"));
                return map.containsKey(key) ? map.get(key) : arguments.get(1, "default", null);
              });
      default -> Optional.empty();
    };
  }

  /** Keys with their values. */
  static List<Object> items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.forEach((key, value) -> items.add(Tuple.of(key, value)));
    return items;
  }

  private static Optional<TemplateFunction> ofList(List<?> list, String name) {
    return switch (name) {
      case "copy" -> Optional.of((arguments, rendering) -> new ArrayList<>(list));
      case "count" ->
          Optional.of(
              (arguments, rendering) ->
                  list.stream()
                      .filter(each -> Values.equal(each, arguments.require(0, "value"), rendering))
                      .count());
      case "index" ->
          Optional.of(
              (arguments, rendering) -> {
                Object wanted = arguments.require(0, "value");
                for (int i = 0; i < list.size(); i++) {
                  if (Values.equal(list.get(i), wanted, rendering)) {
                    return (long) i;
                  }
                }
                throw new TemplateFailure("it asks for the place of what a list does not have");
              });
      default -> Optional.empty();
    };
  }
}
