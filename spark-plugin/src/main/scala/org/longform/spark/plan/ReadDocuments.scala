package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  AttributeReference,
  AttributeSet,
  Expression,
  NamedExpression
}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, UnaryNode}
import org.longform.sql.FunctionExpression

/** Every row of `child` with the results of some calls behind it: each call is evaluated once, and those that
  * name the same document share a reading of it.
  *
  * @param calls
  *   functions that read documents, over the child's columns
  * @param results
  *   one attribute for each
  * @param valuesAlone
  *   functions of which the query has no detail form, so that no one sees the evidence
  */
case class ReadDocuments(
    calls: Seq[FunctionExpression],
    results: Seq[Attribute],
    child: LogicalPlan,
    valuesAlone: Set[String] = Set.empty
) extends UnaryNode {
  override def output: Seq[Attribute] = child.output ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def maxRows: Option[Long] = child.maxRows

  /** The attribute that holds the result of an equal call. */
  def resultOf(call: Expression): Option[Attribute] =
    calls.zip(results).collectFirst { case (own, result) if own.semanticEquals(call) => result }

  override protected def withNewChildInternal(newChild: LogicalPlan): ReadDocuments = copy(child = newChild)
}

object ReadDocuments {

  /** A node with an attribute of its own for each call. */
  def of(calls: Seq[FunctionExpression], child: LogicalPlan): ReadDocuments = {
    val results = calls.map { call =>
      AttributeReference(call.prettyName, call.dataType, call.nullable)(NamedExpression.newExprId)
    }
    ReadDocuments(calls, results, child)
  }
}
