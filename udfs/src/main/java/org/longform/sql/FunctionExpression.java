package org.longform.sql;

import org.apache.spark.sql.catalyst.expressions.ApplyFunctionExpression;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;

/**
 * A call of a function in a plan. Shown, and named as a column, by the function's name: {@code
 * ai_ask(text, …)}. Public with a public constructor because Catalyst copies nodes by reflection.
 */
public final class FunctionExpression extends ApplyFunctionExpression {
  private static final long serialVersionUID = 1L;

  public FunctionExpression(
      ScalarFunction<?> function, scala.collection.immutable.List<Expression> children) {
    super(function, children);
  }

  @Override
  public String prettyName() {
    return function().name();
  }

  // Scala 2.12 and 2.13 mean different collections by IndexedSeq; each overrides one of the two

  public Expression withNewChildrenInternal(scala.collection.IndexedSeq<Expression> children) {
    return new FunctionExpression(function(), children.toList());
  }

  public Expression withNewChildrenInternal(
      scala.collection.immutable.IndexedSeq<Expression> children) {
    return new FunctionExpression(function(), children.toList());
  }
}
