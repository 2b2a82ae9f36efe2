package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.{AggregateExpression, First}
import org.apache.spark.sql.catalyst.optimizer.NormalizeNaNAndZero
import org.apache.spark.sql.catalyst.plans.logical.{Aggregate, LogicalPlan, Project}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.types.{DoubleType, FloatType, StringType}

/** Takes calls of aggregate functions out of [[Aggregate]] nodes into [[ReadGroups]] nodes below them. An
  * answer about a group stands in the group's first row; the aggregate above takes it from there, with
  * whatever else it computes over the same rows. So everything that Spark does with an aggregate works as
  * ever, and what is below is evaluated once.
  */
object ExtractAggregates extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.transformUp {
    case aggregate: Aggregate if aggregate.aggregateExpressions.exists(hasCall) => rewrite(aggregate)
  }

  private def hasCall(expression: Expression): Boolean = expression.exists(_.isInstanceOf[AggregateCall])

  /** A call with the rows it counts, and the attribute of its result. */
  private case class Found(call: AggregateCall, filter: Option[Expression], result: Attribute) {

    /** The text, NULL for rows that a FILTER clause leaves out. */
    val content: Expression =
      filter.fold(call.content)(condition => If(condition, call.content, Literal(null, StringType)))

    def sameAs(aggregate: AggregateExpression): Boolean =
      call.semanticEquals(aggregate.aggregateFunction) &&
        filter.map(_.canonicalized) == aggregate.filter.map(_.canonicalized)

    /** What is equal for calls that can be answered from one reading of the rows. */
    def rows: Seq[Expression] = (content +: call.orderKey.toSeq).map(_.canonicalized)
  }

  private def rewrite(aggregate: Aggregate): LogicalPlan = {
    val all = aggregate.aggregateExpressions.flatMap(_.collect { case each: AggregateExpression => each })
    val (calls, others) = all.partition(_.aggregateFunction.isInstanceOf[AggregateCall])
    val found = calls.foldLeft(Seq.empty[Found]) { (kept, each) =>
      if (kept.exists(_.sameAs(each))) kept else kept :+ find(each)
    }
    val grouping = aggregate.groupingExpressions.map(named)
    // in the order of the query
    val readings = found.map(_.rows).distinct.map(rows => found.filter(_.rows == rows))
    val contents = readings.map(reading => named(reading.head.content))
    val orders = readings.map(_.head.call.orderKey.map(named))
    // the columns that each reading asks for, and those that are computed over
    val asked = readings.indices.map { i =>
      contents(i) +: (orders(i).toSeq ++ readings(i).flatMap(_.call.asked.flatMap(_.references)))
    }
    val above = others.flatMap(_.references)
    val child: LogicalPlan = Project(distinct(grouping ++ asked.flatten ++ above), aggregate.child)
    val read = readings.indices.foldLeft(child) { (below, i) =>
      val answered = readings.take(i).flatten.map(_.result)
      val later = grouping ++ asked.drop(i + 1).flatten ++ above ++ answered
      // rows are only needed above if something is computed over them
      val passed =
        if (others.isEmpty && readings.size == 1) None else Some(distinct(later).map(_.toAttribute))
      val over = readings(i).map(_.call.over(contents(i).toAttribute, orders(i).map(_.toAttribute)))
      ReadGroups(grouping.map(_.toAttribute), over, readings(i).map(_.result), passed, below)
    }
    aggregate.copy(
      groupingExpressions = grouping.map(_.toAttribute),
      aggregateExpressions =
        aggregate.aggregateExpressions.map(replace(_, aggregate.groupingExpressions.zip(grouping), found)),
      child = read
    )
  }

  private def distinct(columns: Seq[NamedExpression]): Seq[NamedExpression] =
    columns.foldLeft(Seq.empty[NamedExpression]) { (kept, each) =>
      if (kept.exists(_.exprId == each.exprId)) kept else kept :+ each
    }

  private def find(aggregate: AggregateExpression): Found = {
    val call = aggregate.aggregateFunction.asInstanceOf[AggregateCall]
    val result = AttributeReference(call.prettyName, call.dataType)(NamedExpression.newExprId)
    Found(call, aggregate.filter, result)
  }

  /** An expression as a column. Equal floating-point numbers get equal bits: groups are told apart by them.
    */
  private def named(expression: Expression): NamedExpression = expression.dataType match {
    case FloatType | DoubleType =>
      Alias(KnownFloatingPointNormalized(NormalizeNaNAndZero(expression)), expression.sql)()
    case _ =>
      expression match {
        case attribute: Attribute => attribute
        case other                => Alias(other, "_group")()
      }
  }

  private def replace(
      column: NamedExpression,
      grouping: Seq[(Expression, NamedExpression)],
      found: Seq[Found]
  ): NamedExpression = {
    def replaced(expression: Expression): Expression = expression match {
      case aggregate: AggregateExpression =>
        found
          .find(_.sameAs(aggregate))
          .map(each => First(each.result, ignoreNulls = true).toAggregateExpression())
          .getOrElse(aggregate)
      case group if grouping.exists(_._1.semanticEquals(group)) =>
        grouping.find(_._1.semanticEquals(group)).get._2.toAttribute
      case other => other.mapChildren(replaced)
    }
    replaced(column) match {
      case same: NamedExpression if same.exprId == column.exprId => same
      case changed => Alias(changed, column.name)(column.exprId, column.qualifier)
    }
  }
}
