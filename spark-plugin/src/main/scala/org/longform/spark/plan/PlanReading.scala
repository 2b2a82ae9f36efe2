package org.longform.spark.plan

import org.apache.spark.sql.{SparkSession, SparkSessionExtensions}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.execution.{SparkPlan, SparkStrategy}

/** Makes [[ReadDocuments]] and [[ReadGroups]] physical. */
object PlanReading extends SparkStrategy {
  override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
    case ReadDocuments(calls, results, child, valuesAlone) =>
      Seq(ReadDocumentsExec(calls, results, planLater(child), valuesAlone))
    case ReadGroups(grouping, calls, results, passed, child) =>
      Seq(ReadGroupsExec(grouping, calls, results, passed, planLater(child)))
    case _ => Nil
  }

  /** Gives one session the rule and the strategy if it was made without the extensions. */
  def ensure(session: SparkSession): Unit = session.synchronized {
    if (!session.sessionState.planner.strategies.contains(PlanReading)) {
      val methods = session.experimental
      methods.extraOptimizations = methods.extraOptimizations :+ ExtractCalls
      methods.extraStrategies = methods.extraStrategies :+ PlanReading
    }
  }

  /** Gives sessions the rules and the strategy. */
  def inject(extensions: SparkSessionExtensions): Unit = {
    extensions.injectCheckRule(_ => CheckAggregates)
    // by then filters and columns have been pushed down; what was pushed below stays there
    extensions.injectPreCBORule(_ => ExtractAggregates)
    extensions.injectPreCBORule(_ => ExtractCalls)
    extensions.injectPlannerStrategy(_ => PlanReading)
  }
}
