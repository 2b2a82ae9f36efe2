package org.longform.prompt.jinja;

import java.util.HashMap;
import java.util.Map;

/** Variables of one block. Those of the blocks around it can be read, not changed. */
final class Scope {
  private final Scope around;
  private final Map<String, Object> variables = new HashMap<>();

  private Scope(Scope around) {
    this.around = around;
  }

  static Scope outermost() {
    return new Scope(null);
  }

  Scope inner() {
    return new Scope(this);
  }

  Object find(String name) {
    for (Scope scope = this; scope != null; scope = scope.around) {
      if (scope.variables.containsKey(name)) {
        return scope.variables.get(name);
      }
    }
    return new Undefined("'" + name + "'");
  }

  void put(String name, Object value) {
    variables.put(name, value);
  }
}
