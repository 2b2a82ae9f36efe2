package org.longform.spark.plan

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{AttributeReference, Expression, ImplicitCastInputTypes}
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateFunction
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, ExprCode}
import org.apache.spark.sql.types.{DataType, StructType}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.sql.{AggregateSignature, SqlFunctions}

import scala.collection.JavaConverters._

/** A call of an aggregate function. It has no buffer that could be merged: [[ExtractAggregates]] moves it
  * into an operator that reads the rows of a group in order.
  */
case class AggregateCall(signature: AggregateSignature, children: Seq[Expression])
    extends AggregateFunction
    with ImplicitCastInputTypes {

  /** The text of a row. */
  def content: Expression = children.head

  /** What is asked of the group, and the options. */
  def asked: Seq[Expression] =
    children.slice(1, 1 + signature.asks()) ++ (if (signature.withOptions()) Some(children.last) else None)

  /** What the rows are ordered by. */
  def orderKey: Option[Expression] = Option(signature.orderKey()).map(_ => children(1 + signature.asks()))

  /** The same call over these columns. */
  def over(content: Expression, orderKey: Option[Expression]): AggregateCall = {
    val withContent = children.updated(0, content)
    copy(children = orderKey.fold(withContent)(withContent.updated(1 + signature.asks(), _)))
  }

  override def inputTypes: Seq[DataType] = signature.inputTypes().asScala.toSeq

  override def dataType: DataType = signature.resultType()

  override def nullable: Boolean = true

  override def prettyName: String = signature.name()

  override def toString: String = s"$prettyName(${children.mkString(", ")})"

  override def aggBufferSchema: StructType = new StructType()

  override def aggBufferAttributes: Seq[AttributeReference] = Nil

  override def inputAggBufferAttributes: Seq[AttributeReference] = Nil

  override def eval(input: InternalRow): Any = throw misplaced

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = throw misplaced

  private def misplaced = AggregateCall.refused(prettyName, "it stands where no group is read")

  override protected def withNewChildrenInternal(newChildren: IndexedSeq[Expression]): AggregateCall =
    copy(children = newChildren)
}

object AggregateCall {

  /** Makes the aggregate functions known to sessions. */
  def inject(extensions: SparkSessionExtensions, prefix: String): Unit =
    SqlFunctions.aggregates(prefix).asScala.foreach { form =>
      val builder = (arguments: Seq[Expression]) =>
        AggregateCall(form.signature(arguments.map(_.dataType).asJava), arguments)
      extensions.injectFunction((FunctionIdentifier(form.name()), form.info(), builder))
    }

  def refused(name: String, why: String): LongformException =
    new LongformException(ErrorClass.INVALID_INPUT, s"Cannot call $name: $why.")
}
