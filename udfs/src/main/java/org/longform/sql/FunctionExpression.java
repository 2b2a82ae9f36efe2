package org.longform.sql;

import org.apache.spark.sql.catalyst.expressions.ApplyFunctionExpression;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Unevaluable;
import org.apache.spark.sql.catalyst.trees.TreeNodeTag;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.longform.kernels.error.LongformException;
import org.longform.runtime.LongformRuntime;
import scala.Option;

/**
 * A call of a function in a plan. Shown, and named as a column, by the function's name: {@code
 * ai_ask(text, …)}.
 *
 * <p>It can be evaluated like any other expression, but bears the mark of those that cannot, and is
 * never foldable: Spark would else read documents on the driver while it plans, where a text is
 * written in the query or the table is one of local values.
 *
 * <p>Public with a public constructor because Catalyst copies nodes by reflection.
 */
@SuppressWarnings("MissingOverride") // which of the two overrides depends on the Scala version
public final class FunctionExpression extends ApplyFunctionExpression implements Unevaluable {
  private static final long serialVersionUID = 1L;
  // a tag, so that equal calls stay equal
  private static final TreeNodeTag<String> WHY_EXPRESSION = new TreeNodeTag<>("longform.why");

  public FunctionExpression(
      ScalarFunction<?> function, scala.collection.immutable.List<Expression> children) {
    super(function, children);
  }

  @Override
  public String prettyName() {
    return function().name();
  }

  @Override
  public boolean foldable() {
    return false;
  }

  @Override
  public String toString() {
    String call = prettyName() + children().mkString("(", ", ", ")");
    Option<String> why = getTagValue(WHY_EXPRESSION);
    return why.isDefined() ? call + " [no operator: " + why.get() + "]" : call;
  }

  /** Notes for EXPLAIN why no operator took the call over. */
  public void staysExpression(String why) {
    setTagValue(WHY_EXPRESSION, why);
  }

  /** One line for EXPLAIN on how the document will be read, as far as it is known before a row. */
  String howRead() {
    CatalystFunction own = (CatalystFunction) function();
    Expression last = children().last();
    if (!own.withOptions()) {
      return LongformRuntime.explain(own.sessionOptions());
    }
    if (!last.foldable()) {
      return LongformRuntime.explain(own.sessionOptions()) + ", but for the options of each row";
    }
    try {
      return LongformRuntime.explain(own.options((MapData) last.eval(null)));
    } catch (LongformException e) {
      return "fails: " + e.getMessage();
    }
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
