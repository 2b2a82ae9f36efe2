package org.longform.spark.plan

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.catalyst.plans.Inner
import org.apache.spark.sql.catalyst.plans.logical._
import org.apache.spark.sql.catalyst.rules.Rule
import org.longform.sql.{DocumentCalls, FunctionExpression}

import scala.collection.JavaConverters._
import scala.collection.mutable

/** Takes calls that read documents out of expressions into [[ReadDocuments]] nodes, as Spark does with Python
  * functions, when the other rules have moved filters and columns where they belong. A call stays where it is
  * when it might not be needed: in a branch of CASE, behind AND, OR or COALESCE, in the condition of an outer
  * join. It is then evaluated as an ordinary expression, and EXPLAIN says why.
  */
object ExtractCalls extends Rule[LogicalPlan] {
  override def apply(plan: LogicalPlan): LogicalPlan = plan.transformUp {
    case join @ Join(_, _, Inner, Some(condition), _) if hasCall(condition) => extractFrom(filtered(join))
    case filter: Filter if hasCall(filter.condition)                        => extractFrom(cheapFirst(filter))
    case project: Project                                                   => extractFrom(project)
    case aggregate: Aggregate if hasCallOverAggregate(aggregate)            => extractAbove(aggregate)
    case aggregate: Aggregate                                               => extractFrom(aggregate)
    case sort: Sort                                                         => extractFrom(sort)
    case window: Window                                                     => extractFrom(window)
    case generate: Generate                                                 => extractFrom(generate)
    case expand: Expand                                                     => extractFrom(expand)
  } match {
    case same if same.fastEquals(plan) && !plan.exists(_.isInstanceOf[ReadGroups]) => explained(plan)
    case changed => explained(withoutUnseenEvidence(readOnceBelowSorts(changed)))
  }

  private def withoutUnseenEvidence(plan: LogicalPlan): LogicalPlan = {
    val calls = plan.flatMap(_.expressions).flatMap(_.collect { case call: FunctionExpression => call })
    val alone = DocumentCalls.valuesAlone(calls.asJava).asScala.toSet
    plan.transformUp { case reading: ReadDocuments => reading.copy(valuesAlone = alone) }
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

  /** An inner join whose rows are tested for the conditions with a call when it has joined them. */
  private def filtered(join: Join): Filter = {
    val (costly, cheap) = conjuncts(join.condition.get).partition(hasCall)
    Filter(costly.reduceLeft(And), join.copy(condition = cheap.reduceLeftOption(And)))
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

  private def hasCallOverAggregate(aggregate: Aggregate): Boolean =
    aggregate.aggregateExpressions.exists(_.exists(each => isCall(each) && overAggregate(each)))

  private def overAggregate(expression: Expression): Boolean =
    expression.exists(_.isInstanceOf[AggregateExpression])

  /** What is computed from aggregates with a call moves to a projection, from which calls can be taken. */
  private def extractAbove(aggregate: Aggregate): LogicalPlan = {
    val below = mutable.ArrayBuffer.empty[NamedExpression]
    def column(expression: Expression): Attribute = {
      val known = below.collectFirst {
        case alias: Alias if alias.child.semanticEquals(expression) => alias.toAttribute
      }
      known.getOrElse {
        val alias = Alias(expression, "of_group")()
        below += alias
        alias.toAttribute
      }
    }
    val above = aggregate.aggregateExpressions.map { each =>
      if (each.exists(inner => isCall(inner) && overAggregate(inner))) {
        each
          .transformDown {
            case function: AggregateExpression                                      => column(function)
            case key if aggregate.groupingExpressions.exists(_.semanticEquals(key)) => column(key)
          }
          .asInstanceOf[NamedExpression]
      } else {
        below += each
        each.toAttribute
      }
    }
    extractFrom(Project(above, extractFrom(aggregate.copy(aggregateExpressions = below.toSeq))))
  }

  /** Notes at the calls that stay in expressions why they do. */
  private def explained(plan: LogicalPlan): LogicalPlan = {
    plan.foreach {
      case _: ReadDocuments => ()
      case node =>
        val where = node match {
          case _: Join => "in a join condition"
          case other   => s"in ${other.nodeName}"
        }
        node.expressions.flatMap(conjuncts).foreach(explain(_, where))
    }
    plan
  }

  private def explain(expression: Expression, why: String): Unit = {
    expression match {
      case call: FunctionExpression if call.readsDocuments() => call.staysExpression(why)
      case _                                                 => ()
    }
    val inside = expression match {
      case _: CaseWhen | _: If      => "in a branch of CASE or IF"
      case _: ConditionalExpression => s"in a branch of ${expression.prettyName}"
      case _: And                   => "behind AND"
      case _: Or                    => "behind OR"
      case _: LambdaFunction        => "in a lambda function"
      case _: WindowExpression      => "in a window"
      case _: AggregateExpression   => "in an aggregate"
      case _                        => why
    }
    expression.children.foreach(explain(_, inside))
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
