package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.longform.sql.FunctionExpression

import scala.collection.mutable

/** Takes calls that read documents out of expressions into [[ReadDocuments]] nodes, as Spark does with Python
  * functions, when the other rules have moved filters and columns where they belong. A call stays where it is
  * when it might not be needed: in a branch of CASE, behind AND, OR or COALESCE, in a join condition. It is
  * then evaluated as an ordinary expression.
  */
object ExtractCalls extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.transformUp {
    case filter: Filter if hasCall(filter.condition) => extractFrom(cheapFirst(filter))
    case project: Project                            => extractFrom(project)
    case aggregate: Aggregate                        => extractFrom(aggregate)
    case sort: Sort                                  => extractFrom(sort)
    case window: Window                              => extractFrom(window)
    case generate: Generate                          => extractFrom(generate)
    case expand: Expand                              => extractFrom(expand)
  } match {
    case same if same.fastEquals(plan) && !plan.exists(_.isInstanceOf[ReadGroups]) => plan
    case changed => readOnceBelowSorts(changed)
  }

  private def hasCall(expression: Expression): Boolean = expression.exists(isCall)

  private def isCall(expression: Expression): Boolean = expression match {
    case call: FunctionExpression => call.readsDocuments()
    case _                        => false
  }

  /** Conditions without a call are tested before any document is read. */
  private def cheapFirst(filter: Filter): Filter = {
    val (costly, cheap) = conjuncts(filter.condition).partition(hasCall)
    if (cheap.isEmpty || !cheap.forall(_.deterministic)) filter
    else Filter(costly.reduceLeft(And), Filter(cheap.reduceLeft(And), filter.child))
  }

  private def conjuncts(condition: Expression): Seq[Expression] = condition match {
    case And(left, right) => conjuncts(left) ++ conjuncts(right)
    case other            => Seq(other)
  }

  private def extractFrom(node: UnaryNode): LogicalPlan = {
    val calls = distinct(
      (node match {
        case filter: Filter => conjuncts(filter.condition)
        case _              => node.expressions
      }).flatMap(alwaysEvaluated)
    ).filter(_.references.subsetOf(node.child.outputSet))
    if (calls.isEmpty) node
    else {
      val found = mutable.ArrayBuffer.empty[(Expression, Attribute)]
      var child = node.child
      // what a filter below has read already is passed up instead of read again
      val missing = calls.filter { call =>
        exposed(child, call) match {
          case Some((wider, result)) =>
            child = wider
            found += call -> result
            false
          case None => true
        }
      }
      // a call may be an argument of another: the inner one is then read first, by a node below
      val (outer, inner) = missing.partition(call => call.children.exists(hasCall))
      val first = if (inner.isEmpty) outer else inner
      if (first.nonEmpty) {
        val reading = ReadDocuments.of(first, child)
        found ++= first.zip(reading.results)
        child = reading
      }
      val replaced = node
        .withNewChildren(Seq(child))
        .transformExpressions {
          case call: FunctionExpression if found.exists(_._1.semanticEquals(call)) =>
            found.find(_._1.semanticEquals(call)).get._2
        }
        .asInstanceOf[UnaryNode]
      val again = if (inner.nonEmpty && outer.nonEmpty) extractFrom(replaced) else replaced
      if (again.output == node.output) again else Project(node.output, again)
    }
  }

  private def distinct(calls: Seq[FunctionExpression]): Seq[FunctionExpression] =
    calls.foldLeft(Seq.empty[FunctionExpression]) { (kept, call) =>
      if (kept.exists(_.semanticEquals(call))) kept else kept :+ call
    }

  /** The calls of an expression that are needed for every row. */
  private def alwaysEvaluated(expression: Expression): Seq[FunctionExpression] = expression match {
    case call: FunctionExpression if call.readsDocuments() && !insideOut(call) =>
      call.children.flatMap(alwaysEvaluated) :+ call
    case branching: ConditionalExpression => branching.alwaysEvaluatedInputs.flatMap(alwaysEvaluated)
    case And(left, _)                     => alwaysEvaluated(left)
    case Or(left, _)                      => alwaysEvaluated(left)
    case _: WindowExpression              => Nil
    case _: SubqueryExpression            => Nil
    case _: LambdaFunction                => Nil
    case other                            => other.children.flatMap(alwaysEvaluated)
  }

  /** A call over an aggregate or a lambda's variable has no row of the child to be evaluated for. */
  private def insideOut(call: Expression): Boolean = call.exists {
    case _: AggregateExpression | _: NamedLambdaVariable | _: WindowExpression => true
    case _: SubqueryExpression                                                 => true
    case _                                                                     => false
  }

  /** `plan` with the result of an equal call among its columns, if a node below has it. */
  private def exposed(plan: LogicalPlan, call: Expression): Option[(LogicalPlan, Attribute)] = plan match {
    case reading: ReadDocuments =>
      reading
        .resultOf(call)
        .map(reading -> _)
        .orElse(exposed(reading.child, call).map { case (child, result) =>
          (reading.copy(child = child), result)
        })
    case filter: Filter =>
      exposed(filter.child, call).map { case (child, result) => (filter.copy(child = child), result) }
    case passing @ (_: Sort | _: RepartitionOperation | _: LocalLimit | _: GlobalLimit) =>
      exposed(passing.children.head, call).map { case (child, result) =>
        (passing.withNewChildren(Seq(child)), result)
      }
    case project: Project if call.references.subsetOf(project.child.outputSet) =>
      exposed(project.child, call).map { case (child, result) =>
        val columns =
          if (project.projectList.exists(_.semanticEquals(result))) project.projectList
          else project.projectList :+ result
        (Project(columns, child), result)
      }
    case _ => None
  }

  /** Spark samples what it sorts before it sorts it. The answers go through a shuffle first, whose files
    * serve both.
    */
  private def readOnceBelowSorts(plan: LogicalPlan): LogicalPlan = plan.transformUp {
    case sort: Sort if sort.global && readsInStage(sort.child) =>
      sort.copy(child = RepartitionByExpression(Nil, sort.child, None))
  }

  private def readsInStage(plan: LogicalPlan): Boolean = plan match {
    case _: ReadDocuments | _: ReadGroups => true
    // it stands over rows that are grouped already, without a shuffle between
    case aggregate: Aggregate if aggregate.child.isInstanceOf[ReadGroups] => true
    case _: RepartitionOperation | _: Aggregate | _: Join | _: Sort       => false
    case other => other.children.exists(readsInStage)
  }
}
