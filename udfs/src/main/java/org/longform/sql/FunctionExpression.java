package org.longform.sql;

import org.apache.spark.sql.catalyst.expressions.ApplyFunctionExpression;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;

/**
 * A call of a function in a plan. Shown, and named as a column, by the function's name: {@code
 * ai_ask(text, …)}. Public with a public constructor because Catalyst copies nodes by reflection.
 */
@SuppressWarnings("MissingOverride") // which of the two overrides depends on the Scala version
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

  @Override
  public String toString() {
    return prettyName() + children().mkString("(", ", ", ")");
  }

  /** Whether a document is read for it: a call that an operator may take over. */
  public boolean readsDocuments() {
    return function() instanceof CatalystFunction own && own.reads();
  }

  /** Overrides in Scala 2.12. */
  public Expression withNewChildrenInternal(scala.collection.IndexedSeq<Expression> children) {
    return new FunctionExpression(function(), children.toList());
  }

  /** Overrides in Scala 2.13. */
  public Expression withNewChildrenInternal(
      scala.collection.immutable.IndexedSeq<Expression> children) {
    return new FunctionExpression(function(), children.toList());
  }
}
