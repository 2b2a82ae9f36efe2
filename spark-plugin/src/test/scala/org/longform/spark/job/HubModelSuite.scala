package org.longform.spark.job

import java.nio.file.{Files, Path}

import org.apache.spark.SparkConf
import org.longform.datasets.models.BundledModels
import org.longform.kernels.error.LongformException
import org.longform.options.Options
import org.longform.runtime.LongformRuntime
import org.longform.spark.{LocalSession, LongformPlugin}
import org.longform.spark.conf.{HubAccess, ModelAccess}
import org.longform.spark.storage.LoopbackHub
import org.scalatest.BeforeAndAfterAll

import scala.collection.JavaConverters._

/** Models of the hub in SQL, on the command line, and on a cluster. */
class HubModelSuite extends JobFixture with BeforeAndAfterAll {
  private lazy val cache: Path = LocalSession.emptyFolder()
  private lazy val hub = new LoopbackHub(BundledModels.localDirectory("longform-tiny"))
  private val weights = "GET /org/tiny/resolve/.*/model.safetensors"

  override protected def sparkConf: Map[String, String] = super.sparkConf ++ Map(
    "spark.plugins" -> classOf[LongformPlugin].getName,
    "spark.longform.hubEndpoint" -> hub.endpoint,
    "spark.longform.hubOffline" -> "false",
    "spark.longform.modelCache" -> cache.toString,
    "spark.longform.model" -> "org/tiny"
  )

  override protected def afterAll(): Unit = hub.close()

  private def run(arguments: String*): RanCommand = RanCommand.of(new RuntimeReaders, arguments: _*)

  test("ai_gen writes with a model that comes from the hub, once, and says which commit it was") {
    assume(!System.getenv.containsKey("HF_HOME") && !System.getenv.containsKey("HF_HUB_CACHE"))
    val prompt = "The blue light doubles the leaf area."
    def written(options: String): (String, String, String) = {
      val row = spark
        .sql(s"SELECT ai_gen_detail('$prompt'$options) AS d")
        .selectExpr("d.value", "d.model", "d.model_revision", "d.error.message")
        .head()
      assert(row.isNullAt(3), row)
      (row.getString(0), row.getString(1), row.getString(2))
    }
    val first = written("")
    assert(first._1 == written(", map('model', 'longform-tiny')")._1 && first._1.nonEmpty)
    assert(first._2 == s"hf://org/tiny@${hub.commit(1)}" && first._3 == hub.commit(1))
    // main has moved on, but not for this application
    assert(written(", map('model', 'hf://org/tiny')")._3 == hub.commit(1))
    assert(written(", map('model', 'org/tiny@main')")._3 == hub.commit(1))
    val other = written(s", map('model', 'org/tiny@${hub.commit(7)}')")
    assert(other._1 == first._1 && other._3 == hub.commit(7))
    assert(hub.count(weights) == 1, "commits share what they have in common")
    assert(hub.count("GET /api/models/org/tiny/revision/main") == 1)
    val snapshots = cache.resolve("hub").resolve("models--org--tiny").resolve("snapshots")
    assert(Files.isSymbolicLink(snapshots.resolve(hub.commit(1)).resolve("model.safetensors")))
  }

  test("a model that the hub does not have is told in the row") {
    val message = spark
      .sql("SELECT ai_gen_detail('Blue light', map('model', 'org/none')).error.message")
      .head()
      .getString(0)
    assert(
      message.startsWith(
        s"Cannot find model 'org/none': there is no such local directory, and ${hub.endpoint} has no such model"
      )
    )
  }

  test("a session cannot say which hub is asked") {
    val session = spark.newSession()
    session.conf.set("spark.longform.hubEndpoint", "http://elsewhere")
    def sentence(query: => Any): String = {
      val failure = intercept[Exception](query)
      Iterator
        .iterate[Throwable](failure)(_.getCause)
        .takeWhile(_ != null)
        .collectFirst { case known: LongformException => known.getMessage }
        .getOrElse(fail(failure))
    }
    assert(
      sentence(session.sql("SELECT ai_gen('text')").collect())
        .startsWith("Cannot use spark.longform.hubEndpoint as the session sets it")
    )
    assert(
      sentence(spark.sql("SELECT ai_gen('text', map('hub_endpoint', 'http://elsewhere'))").collect())
        .startsWith("Cannot use option 'hub_endpoint': it is fixed when the application starts")
    )
  }

  test("inspect says where a model of the hub lies") {
    assert(!spark.sparkContext.isStopped) // its plugin has told this process the settings
    val RanCommand(code, text, _) = run("inspect", "--model", "org/tiny")
    assert(code == 0)
    val path = cache.resolve(s"hub/models--org--tiny/snapshots/${hub.commit(1)}")
    assert(text.contains(s"path            $path\n"), text)
    assert(text.contains(s"revision        ${hub.commit(1)}\n"), text)
    val RanCommand(failed, _, sentence) = run("inspect", "--model", "org/none")
    assert(
      failed == 1 && sentence.startsWith("Cannot find model 'org/none': there is no such local directory")
    )
  }

  test("executors read the commit that the driver pinned, and two of one machine download it once") {
    val folder = emptyFolder()
    val corpus = write(folder, "corpus/a.txt", "Blue light doubles the leaf area of cress.")
    write(folder, "corpus/b.txt", "Red light does not change it.")
    val answers = folder.resolve("answers")
    val node = folder.resolve("node")
    val own = new LoopbackHub(BundledModels.localDirectory("longform-tiny"))
    val cluster = new StandaloneCluster(folder, workers = 2, cores = 1, LocalSession.Interpreted)
    try {
      val job = cluster.submit(
        "submit",
        "org.longform.spark.job.LongformJob",
        Map(
          "spark.longform.hubEndpoint" -> own.endpoint,
          "spark.longform.modelCache" -> folder.resolve("driver").toString,
          "spark.executorEnv.HF_HUB_CACHE" -> node.toString
        ),
        Seq("summarize", "--input", corpus.getParent.toString, "--model", "org/tiny") ++
          Seq("--output", answers.toString, "--fail-on-error"): _*
      )
      cluster.finished("submit", job)
    } finally {
      cluster.close()
      own.close()
    }
    val found = rows(answers)
    assert(found.size == 2)
    assert(found.map(_.getAs[String]("model_revision")).toSet == Set(own.commit(1)))
    assert(own.count("GET /api/models/org/tiny/revision/main") == 1, own.calls)
    assert(own.count(weights) == 2, "the driver's machine and the executors'")
    assert(Files.exists(node.resolve(s"models--org--tiny/snapshots/${own.commit(1)}/model.safetensors")))
  }

  test("what the driver's environment says of the hub goes to executors, its token does not") {
    val conf = new SparkConf(false)
    val environment =
      Map("HF_ENDPOINT" -> "https://mirror", "HF_HUB_OFFLINE" -> "1", "HF_TOKEN" -> "hf_secret")
    HubAccess.settle(conf, environment.asJava)
    assert(conf.get("spark.longform.hubEndpoint") == "https://mirror")
    assert(conf.get("spark.longform.hubOffline") == "true")
    assert(conf.getAll.forall(!_._2.contains("hf_secret")))
    HubAccess.settle(conf, Map("HF_ENDPOINT" -> "https://other").asJava)
    assert(conf.get("spark.longform.hubEndpoint") == "https://mirror", "what is set stays")
    val none = new SparkConf(false)
    HubAccess.settle(none, Map("HF_ENDPOINT" -> "https://me:pass@mirror", "HF_HUB_OFFLINE" -> "0").asJava)
    assert(none.getAll.isEmpty)
  }

  test("a server for others allows of the hub what its owner names") {
    val key = "spark.longform.allowedModelPaths"
    val conf =
      new SparkConf(false).set(key, """["hf://org","meta/llama"]""").set("spark.longform.model", "org/own")
    ModelAccess.settle(conf)
    assert(conf.get(key) == """["hf://org","hf://meta/llama","hf://org/own"]""")
    val branch = new SparkConf(false).set(key, "org/tiny@main")
    assert(
      intercept[LongformException](ModelAccess.settle(branch)).getMessage ==
        "Cannot allow model 'org/tiny@main': a branch or a tag may become anything. Name the repository or one of " +
        s"its commits in $key."
    )
    val options = Options.ofSparkConf(
      Map(key -> """["hf://org/tiny"]""", "spark.longform.hubEndpoint" -> hub.endpoint).asJava
    )
    val before = hub.calls.size
    val refused = intercept[LongformException](
      LongformRuntime.portable(
        options.and(Options.ofSparkConf(Map("spark.longform.model" -> "bad/model").asJava))
      )
    )
    assert(
      refused.getMessage.contains("this application allows only its own model") && hub.calls.size == before
    )
  }
}
