package org.longform.spark.plan

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.types.StringType
import org.longform.sql.{GroupCalls, GroupRows}

/** The columns of a [[ReadGroupsExec]]. */
case class GroupColumns(
    grouping: Seq[Attribute],
    calls: Seq[AggregateCall],
    results: Seq[Attribute],
    passed: Option[Seq[Attribute]],
    input: Seq[Attribute],
    timeZone: String
) {
  private def bound(expression: Expression): Expression = BindReferences.bindReference(expression, input)

  def contentOrdinal: Int = input.indexWhere(_.exprId == calls.head.content.asInstanceOf[Attribute].exprId)

  /** What each call asks, over a row of the input. */
  def asked: Array[Array[Expression]] = calls.map(_.asked.map(bound).toArray).toArray

  /** The order key as text; without a key a row is called by its place. */
  def rowNames: GroupRows.RowNames = calls.head.orderKey match {
    case Some(key) =>
      val text = bound(Cast(key, StringType, Some(timeZone)))
      (row, _) => Option(text.eval(row)).map(_.toString).orNull
    case None => (_, ordinal) => ordinal.toString
  }

  /** Rows as they are passed on, from a row of the input with the results behind it. */
  def toOutput: UnsafeProjection =
    UnsafeProjection.create(passed.getOrElse(grouping) ++ results, input ++ results)

  /** The same for a group of which only one row is passed on. */
  def groupToOutput: UnsafeProjection =
    UnsafeProjection.create(grouping ++ results, grouping ++ results)
}

/** Goes through the sorted rows of a partition and reads one group after the other.
  *
  * Spark's iterator may give the same row object with other content each time, so a row is done with before
  * the next one is asked for.
  */
final class GroupReader(
    columns: GroupColumns,
    functions: GroupCalls,
    task: TaskContext,
    metrics: Map[String, SQLMetric],
    rows: Iterator[InternalRow]
) extends Iterator[InternalRow] {
  private val toUnsafe = UnsafeProjection.create(columns.input, columns.input)
  private val keyOf = UnsafeProjection.create(columns.grouping, columns.input)
  private val asked = columns.asked
  private val names = columns.rowNames
  private val contentOrdinal = columns.contentOrdinal
  private val listener = new MetricsListener(task, metrics)
  private val joined = new JoinedRow
  private val noResults: InternalRow = new GenericInternalRow(columns.results.size)
  private val rowsOfGroups = metrics(GroupReader.ROWS_OF_GROUPS)
  private val output = metrics(ReadingMetrics.ROWS)

  /** The next row of the partition, and the key of its group. */
  private var row: UnsafeRow = _
  private var key: UnsafeRow = _

  private var group: GroupRows = _
  private var results: Iterator[InternalRow] = Iterator.empty

  Option(task).foreach(_.addTaskCompletionListener[Unit](_ => closeGroup()))
  advance()

  override def hasNext: Boolean = {
    while (!results.hasNext && row != null) results = readGroup()
    results.hasNext || { closeGroup(); false }
  }

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException("there are no more groups")
    output += 1
    results.next()
  }

  private def advance(): Unit =
    if (rows.hasNext) {
      row = rows.next() match {
        case unsafe: UnsafeRow => unsafe
        case other             => toUnsafe(other)
      }
      key = keyOf(row)
      rowsOfGroups += 1
    } else {
      row = null
      key = null
    }

  private def readGroup(): Iterator[InternalRow] = {
    closeGroup()
    val groupKey = key.copy()
    val values = asked.map(each => new GenericInternalRow(each.map(_.eval(row))): InternalRow)
    group = new GroupRows(new RowsOf(groupKey), columns.input.size, contentOrdinal, names)
    if (columns.passed.isDefined) group.keep()
    val answers =
      new GenericInternalRow(functions.evaluate(values, group, listener).asInstanceOf[Array[Any]])
    metrics(GroupReader.SKIPPED) += group.skipped()
    if (columns.passed.isEmpty) {
      val project = columns.groupToOutput
      Iterator.single(project(joined(groupKey, answers)))
    } else {
      val project = columns.toOutput
      val all = group.rows()
      var first = true
      new Iterator[InternalRow] {
        override def hasNext: Boolean = all.hasNext
        override def next(): InternalRow = {
          val behind = if (first) answers else noResults
          first = false
          project(joined(all.next(), behind))
        }
      }
    }
  }

  private def closeGroup(): Unit = if (group != null) {
    group.close()
    group = null
  }

  /** The rows of one group. The row after the last one is fetched when it is asked whether there is one. */
  private final class RowsOf(groupKey: UnsafeRow) extends java.util.Iterator[UnsafeRow] {
    private var given = false

    override def hasNext: Boolean = {
      if (given) {
        given = false
        advance()
      }
      row != null && key == groupKey
    }

    override def next(): UnsafeRow = {
      if (!hasNext) throw new NoSuchElementException("the group has no more rows")
      given = true
      row
    }
  }
}

object GroupReader {
  val ROWS_OF_GROUPS = "rowsOfGroups"
  val SKIPPED = "skippedRows"
}
