package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, UnaryNode}

/** Reads the rows of each group as one document.
  *
  * @param grouping
  *   columns that tell the groups; none if all rows are one group
  * @param calls
  *   what is asked, all over the same text and order key, which are columns
  * @param results
  *   one attribute for each call. The values stand in one row of the group, in others NULL
  * @param passed
  *   columns of the child that are passed on with every row; if none, there is one row for each group
  */
case class ReadGroups(
    grouping: Seq[Attribute],
    calls: Seq[AggregateCall],
    results: Seq[Attribute],
    passed: Option[Seq[Attribute]],
    child: LogicalPlan
) extends UnaryNode {
  override def output: Seq[Attribute] = passed.getOrElse(grouping) ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def maxRows: Option[Long] = child.maxRows

  override protected def withNewChildInternal(newChild: LogicalPlan): ReadGroups = copy(child = newChild)
}
