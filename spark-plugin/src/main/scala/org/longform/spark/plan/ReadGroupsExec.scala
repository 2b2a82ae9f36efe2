package org.longform.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Ascending, Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.{
  AllTuples,
  ClusteredDistribution,
  Distribution,
  Partitioning
}
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.longform.sql.GroupCalls

import scala.collection.JavaConverters._

/** Reads groups one after the other. Spark brings the rows of a group together, in order; from its iterator
  * they go into the reader.
  */
case class ReadGroupsExec(
    grouping: Seq[Attribute],
    calls: Seq[AggregateCall],
    results: Seq[Attribute],
    passed: Option[Seq[Attribute]],
    child: SparkPlan
) extends UnaryExecNode {
  override def output: Seq[Attribute] = passed.getOrElse(grouping) ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def requiredChildDistribution: Seq[Distribution] =
    Seq(if (grouping.isEmpty) AllTuples else ClusteredDistribution(grouping))

  // rows of equal keys are told apart by their text, so that their order is always the same
  override def requiredChildOrdering: Seq[Seq[SortOrder]] =
    Seq((grouping ++ calls.head.orderKey :+ calls.head.content).map(SortOrder(_, Ascending)))

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override def outputOrdering: Seq[SortOrder] = grouping.map(SortOrder(_, Ascending))

  override lazy val metrics: Map[String, SQLMetric] = ReadingMetrics.create(sparkContext) ++ Map(
    GroupReader.ROWS_OF_GROUPS -> SQLMetrics.createMetric(sparkContext, "rows of groups"),
    GroupReader.SKIPPED -> SQLMetrics.createMetric(sparkContext, "rows that cannot be read")
  )

  override protected def doExecute(): RDD[InternalRow] = {
    val functions = new GroupCalls(calls.map(_.signature).asJava)
    val columns = GroupColumns(grouping, calls, results, passed, child.output, conf.sessionLocalTimeZone)
    val watched = metrics
    child.execute().mapPartitions(new GroupReader(columns, functions, TaskContext.get(), watched, _))
  }

  /** How groups will be read, beside what. */
  override def simpleString(maxFields: Int): String =
    s"ReadGroups by [${grouping.mkString(", ")}] [$answered], $how"

  override def verboseStringWithOperatorId(): String =
    s"""$formattedNodeName
       |Input: ${child.output.mkString("[", ", ", "]")}
       |Groups: ${grouping.mkString("[", ", ", "]")}
       |Order: ${requiredChildOrdering.head.drop(grouping.size).mkString("[", ", ", "]")}
       |Calls: $answered
       |Reading: $how
       |""".stripMargin

  private def answered: String =
    calls.zip(results).map { case (call, result) => s"$call AS $result" }.mkString(", ")

  private def how: String = new GroupCalls(calls.map(_.signature).asJava).describe()

  override protected def withNewChildInternal(newChild: SparkPlan): ReadGroupsExec = copy(child = newChild)
}
