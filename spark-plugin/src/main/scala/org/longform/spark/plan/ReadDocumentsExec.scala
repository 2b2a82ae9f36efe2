package org.longform.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  AttributeSet,
  BindReferences,
  GenericInternalRow,
  JoinedRow,
  Nondeterministic,
  UnsafeProjection
}
import org.apache.spark.sql.catalyst.plans.physical.Partitioning
import org.apache.spark.sql.catalyst.expressions.SortOrder
import org.apache.spark.sql.execution.{SparkPlan, UnaryExecNode}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.longform.sql.{DocumentCalls, FunctionExpression}

import scala.collection.JavaConverters._

/** Reads documents row by row, one task's rows one after the other. */
case class ReadDocumentsExec(
    calls: Seq[FunctionExpression],
    results: Seq[Attribute],
    child: SparkPlan,
    valuesAlone: Set[String]
) extends UnaryExecNode {
  override def output: Seq[Attribute] = child.output ++ results

  override def producedAttributes: AttributeSet = AttributeSet(results)

  override def outputPartitioning: Partitioning = child.outputPartitioning

  override def outputOrdering: Seq[SortOrder] = child.outputOrdering

  override lazy val metrics: Map[String, SQLMetric] = ReadingMetrics.create(sparkContext)

  override protected def doExecute(): RDD[InternalRow] = {
    val functions = new DocumentCalls(calls.asJava, valuesAlone.asJava)
    val arguments = calls.map(_.children)
    val input = child.output
    val columns = output
    val watched = metrics
    child.execute().mapPartitionsWithIndex { (partition, rows) =>
      val bound = arguments.map(_.map(BindReferences.bindReference(_, input))).map(_.toArray).toArray
      // such as rand(): each partition has numbers of its own
      bound.flatten.foreach(_.foreach {
        case random: Nondeterministic => random.initialize(partition)
        case _                        =>
      })
      val listener = new MetricsListener(TaskContext.get(), watched)
      val toUnsafe = UnsafeProjection.create(columns, columns)
      val joined = new JoinedRow
      rows.map { row =>
        val values = bound.map(each => new GenericInternalRow(each.map(_.eval(row))): InternalRow)
        val answers = functions.evaluate(values, listener)
        watched(ReadingMetrics.ROWS) += 1
        toUnsafe(joined(row, new GenericInternalRow(answers.asInstanceOf[Array[Any]])))
      }
    }
  }

  /** How documents will be read, beside what. */
  override def simpleString(maxFields: Int): String =
    s"ReadDocuments [${calls.zip(results).map { case (call, result) => s"$call AS $result" }.mkString(", ")}], $how"

  override def verboseStringWithOperatorId(): String =
    s"""$formattedNodeName
       |Input: ${child.output.mkString("[", ", ", "]")}
       |Calls: ${calls.zip(results).map { case (call, result) => s"$call AS $result" }.mkString(", ")}
       |Reading: $how
       |""".stripMargin

  private def how: String = DocumentCalls.describe(calls.asJava)

  override protected def withNewChildInternal(newChild: SparkPlan): ReadDocumentsExec = copy(child = newChild)
}
