package org.longform.spark.storage

import java.nio.file.{Files, Path}

import org.longform.datasets.models.BundledModels
import org.longform.kernels.error.LongformException
import org.longform.spark.{LocalSession, LongformPlugin, SparkSuite}

/** Models at addresses that Hadoop reads, and who may name which. */
class HadoopModelSuite extends SparkSuite {
  private lazy val cache: Path = LocalSession.emptyFolder()

  private def settings(more: (String, String)*): Map[String, String] = Map(
    "spark.plugins" -> classOf[LongformPlugin].getName,
    "spark.hadoop.fs.shelf.impl" -> classOf[ShelfFileSystem].getName,
    "spark.hadoop.fs.shelf.secret.key" -> "open-sesame-42",
    "spark.hadoop.fs.lost.impl" -> "no.such.Files",
    "spark.longform.modelCache" -> cache.toString
  ) ++ more

  override protected def sparkConf: Map[String, String] = settings()

  private def copyOf(name: String): Path = {
    val target = Files.createDirectories(emptyFolder().resolve(name))
    BundledModels
      .localDirectory("longform-tiny")
      .toFile
      .listFiles
      .foreach(f => Files.copy(f.toPath, target.resolve(f.getName)))
    target
  }

  private def count(model: String, content: String = "'Blue light doubles the leaf area.'"): String = {
    val row = LocalSession
      .of(sparkConf)
      .sql(s"SELECT ai_summarize_detail($content, 5, map('model', '$model')) AS d")
      .selectExpr("d.error.class", "d.error.message", "d.model_revision", "d.value")
      .head()
    if (row.isNullAt(0)) "revision " + row.getString(2) else row.getString(0) + " " + row.getString(1)
  }

  test("a model at a Hadoop address is copied once for all rows, and each row names its revision") {
    val model = copyOf("model")
    val before = ShelfFileSystem.opened.get
    assert(count(s"shelf://books$model").startsWith("revision "))
    assert(ShelfFileSystem.opened.get == before + 5)
    assert(count(s"shelf://books$model", "'Red light does not change it.'").startsWith("revision "))
    assert(ShelfFileSystem.opened.get == before + 5)
    assert(Files.list(cache).count() == 1)
  }

  test("what is not there, what may not be read and what no file system knows is told, without secrets") {
    assert(
      count("shelf://books/no/such/model").startsWith(
        "INVALID_MODEL Cannot find model 'shelf://books/no/such/model': there is no such directory or file ("
      )
    )
    val denied = count(s"shelf://books${copyOf("forbidden")}")
    assert(denied.contains("': the user of this application may not read it (AccessControlException: "))
    assert(denied.contains("Permission denied for key *********(redacted): ") && !denied.contains("sesame"))
    assert(count("moon://dark/side").contains("No FileSystem for scheme \"moon\""))
    val lost = count("lost://bucket/model")
    assert(lost.contains("': its file system refuses (RuntimeException: ") && lost.contains("no.such.Files"))
    val password = count("s3a://AKIA99:open/sesame@bucket/model")
    assert(
      password.startsWith("INVALID_OPTION Cannot use model 's3a://AKIA99:***@bucket/model': its address has")
    )
  }

  test("no session and no call changes what the application fixed") {
    val session = LocalSession.of(sparkConf).newSession()
    val elsewhere = emptyFolder().resolve("elsewhere").toString
    def sentence(query: String): String = {
      val error = intercept[Exception](session.sql(query).collect())
      Iterator
        .iterate[Throwable](error)(_.getCause)
        .takeWhile(_ != null)
        .collectFirst { case known: LongformException => known.getMessage }
        .getOrElse(fail(error))
    }
    val fixed = Map(
      "modelCache" -> elsewhere,
      "kvDirectory" -> elsewhere,
      "kvMemory" -> "1t",
      "threads" -> "64",
      "checkpointDirectory" -> elsewhere,
      "sql.prefix" -> "my_"
    )
    for ((name, value) <- fixed) {
      val key = s"spark.longform.$name"
      session.conf.set(key, value)
      val application = if (name == "modelCache") cache.toString else "not set"
      assert(
        sentence("SELECT ai_summarize('Blue light.')") ==
          s"Cannot use $key as the session sets it: it is fixed when the application starts ($application, not $value). " +
          s"Take it back with RESET $key."
      )
      session.sql(s"RESET $key")
      assert(session.sql("SELECT ai_summarize('Blue light.')").count() == 1)
    }
    for (
      key <- Seq(
        "allowed_model_paths",
        "model_cache",
        "kv_directory",
        "kvMemory",
        "n_threads",
        "max_attempts"
      )
    ) {
      val message = sentence(s"SELECT ai_summarize_detail('text', 5, map('$key', '7'))")
      assert(
        message.startsWith(s"Cannot use option '$key': it is fixed when the application starts."),
        message
      )
      assert(message.endsWith(" in the Spark configuration before."), message)
    }
    assert(!Files.exists(Path.of(elsewhere)))
  }

  test("with a list of paths queries name models under them, the application's own and bundled ones") {
    val own = copyOf("own")
    val allowed = copyOf("allowed")
    val other = copyOf("other")
    LocalSession.stop()
    val session = LocalSession.of(
      settings("spark.longform.model" -> own.toString, "spark.longform.allowedModelPaths" -> allowed.toString)
    )
    def error(model: String): Option[String] = {
      val row = session
        .sql(s"SELECT ai_summarize_detail('Blue light doubles it.', 5, map('model', '$model')).error.message")
        .head()
      if (row.isNullAt(0)) None else Some(row.getString(0))
    }
    Seq(own.toString, allowed.toString, "longform-tiny").foreach(model => assert(error(model).isEmpty, model))
    Seq(other.toString, s"shelf://books$other", s"$allowed/../${other.getFileName}").foreach { model =>
      assert(error(model).exists(_.contains("this application allows only its own model")), model)
    }
    val sneaky = session.newSession()
    sneaky.conf.set("spark.longform.model", other.toString)
    sneaky.conf.set("spark.longform.allowedModelPaths", "/")
    val refused = sneaky.sql("SELECT ai_summarize_detail('Blue light.', 5).error.message").head().getString(0)
    assert(refused.contains("this application allows only its own model"))
    LocalSession.stop()
  }
}
