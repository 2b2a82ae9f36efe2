package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions.{Expression, Literal, RowOrdering}
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.logical.{Aggregate, LogicalPlan}

/** Refuses calls of aggregate functions that cannot be answered, when a query is analysed. */
object CheckAggregates extends (LogicalPlan => Unit) {
  override def apply(plan: LogicalPlan): Unit = plan.foreach {
    case aggregate: Aggregate =>
      for (call <- aggregate.aggregateExpressions.flatMap(calls)) check(call, aggregate)
    case other =>
      for (call <- other.expressions.flatMap(calls).headOption)
        refuse(
          call,
          "it stands where rows are not grouped, in a window for instance. Group in a subquery and join the result"
        )
  }

  private def calls(expression: Expression): Seq[AggregateExpression] = expression.collect {
    case aggregate: AggregateExpression if aggregate.aggregateFunction.isInstanceOf[AggregateCall] =>
      aggregate
  }

  private def check(aggregate: AggregateExpression, plan: Aggregate): Unit = {
    val call = aggregate.aggregateFunction.asInstanceOf[AggregateCall]
    if (plan.isStreaming)
      refuse(aggregate, "the query is a stream, of which no group is complete. Call it in foreachBatch")
    if (aggregate.isDistinct)
      refuse(aggregate, "DISTINCT is not supported. Select the distinct rows in a subquery")
    call.orderKey.filterNot(key => RowOrdering.isOrderable(key.dataType)).foreach { key =>
      refuse(
        aggregate,
        s"its order key has a type without an order (${key.dataType.simpleString}). Order by another column"
      )
    }
    call.asked.flatMap(ofOneRow(_, plan.groupingExpressions)).headOption.foreach { column =>
      refuse(
        aggregate,
        s"what it asks must be the same for all rows of a group and depends on a column that is not grouped by ($column). Group by it or take a literal"
      )
    }
  }

  /** The columns of an expression that may differ between the rows of a group. */
  private def ofOneRow(asked: Expression, grouping: Seq[Expression]): Seq[String] =
    asked
      .transformDown { case part if grouping.exists(_.semanticEquals(part)) => Literal(true) }
      .references
      .map(_.name)
      .toSeq

  private def refuse(aggregate: AggregateExpression, why: String): Unit =
    throw AggregateCall.refused(aggregate.aggregateFunction.prettyName, why)
}
