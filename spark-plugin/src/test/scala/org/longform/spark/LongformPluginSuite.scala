package org.longform.spark

import java.nio.file.Path

import scala.collection.JavaConverters._

import com.codahale.metrics.{Gauge, MetricRegistry}
import org.apache.spark.SparkConf
import org.apache.spark.api.plugin.PluginContext
import org.apache.spark.resource.ResourceInformation
import org.apache.spark.sql.SparkSession
import org.longform.datasets.models.BundledModels
import org.longform.kernels.error.LongformException
import org.longform.runtime.LongformRuntime

class LongformPluginSuite extends SparkSuite {

  private val Plugin = Map("spark.plugins" -> classOf[LongformPlugin].getName)

  override protected def sparkConf: Map[String, String] = Plugin

  private def startFails(settings: Map[String, String]): String = {
    LocalSession.stop()
    val failure = intercept[Throwable](LocalSession.of(Plugin ++ settings))
    Iterator
      .iterate(failure)(_.getCause)
      .takeWhile(_ != null)
      .collectFirst { case known: LongformException => known.getMessage }
      .getOrElse(fail(failure))
  }

  test("the plugin alone gives the session the extensions, after those it already has") {
    val extensions = spark.sparkContext.getConf.get("spark.sql.extensions")
    assert(extensions == "io.delta.sql.DeltaSparkSessionExtension," + classOf[LongformExtensions].getName)
  }

  test("the SQL functions can be called in a session that has only the plugin") {
    assert(spark.sql("SELECT ai_count_tokens('Blue light doubles the leaf area.')").head().getInt(0) > 3)
  }

  test("sessions made from the first one have the functions too") {
    assert(spark.newSession().catalog.functionExists("ai_summarize"))
  }

  test("Delta tables still work beside the plugin") {
    val table = emptyFolder().resolve("table").toString
    spark.range(5).write.format("delta").save(table)
    assert(spark.sql(s"DELETE FROM delta.`$table` WHERE id > 2").head().getLong(0) == 2L)
  }

  test("the extensions are not added twice") {
    val session = LocalSession.of(Plugin + ("spark.sql.extensions" -> classOf[LongformExtensions].getName))
    assert(session.sparkContext.getConf.get("spark.sql.extensions") == classOf[LongformExtensions].getName)
    assert(session.catalog.functionExists("ai_ask"))
  }

  test("the extensions work without the plugin, with the configured prefix") {
    val session = LocalSession.of(
      Map(
        "spark.sql.extensions" -> classOf[LongformExtensions].getName,
        "spark.longform.sql.prefix" -> "doc_"
      )
    )
    assert(session.catalog.functionExists("doc_summarize"))
    assert(!session.catalog.functionExists("ai_summarize"))
  }

  test("an unknown key fails at start and names the nearest known one") {
    val message = startFails(Map("spark.longform.maxNewTokns" -> "5"))
    assert(message.contains("Cannot use option 'spark.longform.maxNewTokns'"))
    assert(message.contains("Did you mean spark.longform.maxNewTokens"))
  }

  test("a value that does not fit fails at start") {
    assert(startFails(Map("spark.longform.topP" -> "2")).contains("must be above 0 and at most 1 (2.0)"))
  }

  test("memory for keys and values that no machine has fails at start and names the setting") {
    val message = startFails(Map("spark.longform.kvMemory" -> "100t"))
    assert(message.startsWith("Cannot give keys and values 109,951,162,777,600 bytes: "))
    assert(message.contains("Lower spark.executor.memory or spark.longform.kvMemory by "))
  }

  test("a model that is not there fails at start") {
    assert(startFails(Map("spark.longform.model" -> "/nowhere/model")).contains("/nowhere/model"))
  }

  test("a relative model path becomes absolute, as executors have other working directories") {
    val model = BundledModels.localDirectory("longform-tiny")
    val relative = Path.of("").toAbsolutePath.relativize(model.toAbsolutePath).toString
    val session = LocalSession.of(Plugin + ("spark.longform.model" -> relative))
    val absolute = model.toAbsolutePath.normalize.toString
    assert(session.sparkContext.getConf.get("spark.longform.model") == absolute)
    val named = session.sql("SELECT ai_summarize_detail('Blue light doubles the leaf area.', 5).model")
    assert(named.head().getString(0) == absolute)
  }

  test("a stopped application leaves no settings behind") {
    LocalSession.of(Plugin + ("spark.longform.maxNewTokens" -> "3"))
    LocalSession.stop()
    assert(!LongformRuntime.describe(Map.empty[String, String].asJava).contains("max_new_tokens"))
  }

  test("the application can start again after a failed start") {
    startFails(Map("spark.longform.model" -> "/nowhere/model"))
    assert(LocalSession.of(Plugin).range(3).count() == 3L)
  }

  test("an executor registers what it counts, and the numbers move") {
    val registry = new MetricRegistry
    new LongformPlugin().executorPlugin().init(new FakeContext(registry), Map.empty[String, String].asJava)
    assert(
      registry.getGauges.keySet.asScala == Set(
        "modelLoads",
        "modelLoadTime",
        "documents",
        "failedRows",
        "answersReused",
        "tokensRead",
        "tokensGenerated",
        "decodeSteps",
        "tokensAttended",
        "prefillTime",
        "decodeTime",
        "kvBytes",
        "peakKvBytes",
        "kvPinnedBytes",
        "kvDiskBytes",
        "peakKvDiskBytes",
        "nativeBytes"
      )
    )
    def value(name: String): Long = registry.getGauges.get(name).asInstanceOf[Gauge[Long]].getValue
    val before = value("documents")
    LocalSession.of(Plugin).range(2).selectExpr("ai_summarize(concat('Finding ', id, ' is open.'))").collect()
    assert(value("documents") == before + 2)
    assert(value("documents") == LongformRuntime.stats().documents())
  }

  private class FakeContext(registry: MetricRegistry) extends PluginContext {
    override def metricRegistry(): MetricRegistry = registry
    override def conf(): SparkConf = new SparkConf(false)
    override def executorID(): String = "1"
    override def hostname(): String = "localhost"
    override def resources(): java.util.Map[String, ResourceInformation] = Map.empty.asJava
    override def send(message: AnyRef): Unit = fail("no message is expected")
    override def ask(message: AnyRef): AnyRef = message
  }
}
