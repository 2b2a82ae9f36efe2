package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A parsed expression. */
interface Expression {
  /**
   * @throws TemplateFailure where Python would raise an error
   */
  Object value(Rendering rendering);

  /** What stands in the parentheses of a call. */
  record Given(List<Expression> positional, Map<String, Expression> named) {
    static final Given NOTHING = new Given(List.of(), Map.of());

    Arguments values(Rendering rendering) {
      List<Object> values = new ArrayList<>();
      for (Expression each : positional) {
        values.add(rendering.value(each));
      }
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, each) -> byName.put(name, rendering.value(each)));
      return new Arguments(values, byName);
    }
  }

  /** A number, a text, true, false or none. */
  record Constant(Object constant) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return constant;
    }
  }

  /** A variable. */
  record Name(String name) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return rendering.scope().find(name);
    }
  }

  /** A list. */
  record Items(List<Expression> items) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return new ArrayList<>(new Given(items, Map.of()).values(rendering).positional());
    }
  }

  /** A tuple. */
  record Tupled(List<Expression> items) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Tuple.of(new Given(items, Map.of()).values(rendering).positional());
    }
  }

  /** A dictionary. */
  record Dictionary(List<Expression> keys, List<Expression> values) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        Object key = Values.requireKey(rendering.value(keys.get(i)));
        map.put(key, rendering.value(values.get(i)));
      }
      return map;
    }
  }

  /** {@code base.name}. */
  record Attribute(Expression base, String name) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Access.attribute(rendering.value(base), name);
    }
  }

  /** {@code base[key]}. */
  record Item(Expression base, Expression key) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Access.item(rendering.value(base), rendering.value(key));
    }
  }

  /** {@code base[from:to:step]}. */
  record Slice(
      Expression base,
      Optional<Expression> from,
      Optional<Expression> to,
      Optional<Expression> step)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Access.slice(
          rendering.value(base),
          from.map(rendering::value),
          to.map(rendering::value),
          step.map(rendering::value));
    }
  }

  /** {@code function(...)}. */
  record Call(Expression function, Given given) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return with(given.values(rendering), rendering);
    }

    /** The call with other arguments. */
    Object with(Arguments arguments, Rendering rendering) {
      Object called = rendering.value(function);
      if (called instanceof TemplateFunction found) {
        return found.call(arguments, rendering);
      }
      if (called instanceof Undefined missing) {
        throw missing.failure();
      }
      throw TemplateFailure.of("it calls a %s as if it were a function", Values.type(called));
    }
  }

  /** {@code value | name(...)}. */
  record Filtered(Expression value, String name, Given given) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Filters.named(name).apply(rendering.value(value), given.values(rendering), rendering);
    }
  }

  /** {@code value is name(...)}. */
  record Tested(Expression value, String name, Given given) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Tests.named(name).holds(rendering.value(value), given.values(rendering), rendering);
    }
  }

  /** {@code not value}. */
  record Not(Expression negated) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return !Values.truth(rendering.value(negated));
    }
  }

  /** {@code left and right}: the value that decides. */
  record Both(Expression left, Expression right) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Object value = rendering.value(left);
      return Values.truth(value) ? rendering.value(right) : value;
    }
  }

  /** {@code left or right}: the value that decides. */
  record Either(Expression left, Expression right) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Object value = rendering.value(left);
      return Values.truth(value) ? value : rendering.value(right);
    }
  }

  /** {@code first < second <= third}. */
  record Compared(Expression first, List<String> operators, List<Expression> others)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Object left = rendering.value(first);
      for (int i = 0; i < operators.size(); i++) {
        Object right = rendering.value(others.get(i));
        if (!Operators.compare(operators.get(i), left, right, rendering)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  /** {@code left + right} and the like. */
  record Computed(String operator, Expression left, Expression right) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Operators.compute(operator, rendering.value(left), rendering.value(right), rendering);
    }
  }

  /** {@code -value} and {@code +value}. */
  record Signed(String operator, Expression value) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Operators.compute(operator, 0L, rendering.value(value), rendering);
    }
  }

  /** {@code left ~ right}. */
  record Joined(List<Expression> parts) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      StringBuilder text = new StringBuilder();
      for (Expression part : parts) {
        String next = Values.text(rendering.value(part));
        rendering.room((long) text.length() + next.length());
        text.append(next);
      }
      return text.toString();
    }
  }

  /** {@code then if condition else otherwise}. */
  record Choice(Expression condition, Expression then, Optional<Expression> otherwise)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      if (Values.truth(rendering.value(condition))) {
        return rendering.value(then);
      }
      return otherwise.isPresent()
          ? rendering.value(otherwise.get())
          : new Undefined("an inline if without else");
    }
  }
}
