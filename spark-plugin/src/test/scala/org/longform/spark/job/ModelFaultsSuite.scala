package org.longform.spark.job

import org.longform.datasets.models.BundledModels
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.read.DocumentReader
import org.longform.runtime.LongformRuntime
import org.scalatest.BeforeAndAfterEach

import java.nio.file.{Files, Path, StandardOpenOption}
import java.util.concurrent.atomic.AtomicInteger
import java.util.{Map => JMap}
import scala.collection.JavaConverters._

/** The readers of the product, with something that happens between documents. */
class WatchedReaders extends ReaderSource {
  private val real = new RuntimeReaders
  override def reader(options: JMap[String, String]): DocumentReader = real.reader(options)
  override def validate(options: JMap[String, String]): Unit = real.validate(options)
  override def describe(options: JMap[String, String]): String = real.describe(options)
  override def modelRevision(options: JMap[String, String]): String = real.modelRevision(options)
  override def trainedWindow(options: JMap[String, String]): Long = real.trainedWindow(options)
  override def requireModelRevision(options: JMap[String, String], revision: String): Unit = {
    WatchedReaders.beforeDocument(WatchedReaders.documents.incrementAndGet())
    real.requireModelRevision(options, revision)
  }
}

object WatchedReaders {
  val documents = new AtomicInteger
  @volatile var beforeDocument: Int => Unit = (_: Int) => ()
}

/** Models and disks that go wrong while a job runs. */
class ModelFaultsSuite extends JobFixture with BeforeAndAfterEach {
  override def beforeEach(): Unit = {
    WatchedReaders.documents.set(0)
    WatchedReaders.beforeDocument = (_: Int) => ()
  }

  override def afterEach(): Unit = LongformRuntime.shutdown()

  private def copyOfModel(): Path = {
    val copy = emptyFolder()
    val files = Files.list(BundledModels.localDirectory("longform-tiny"))
    try files.iterator.asScala.foreach(file => Files.copy(file, copy.resolve(file.getFileName)))
    finally files.close()
    copy
  }

  private def input(documents: Int): Path = {
    val in = emptyFolder()
    (1 to documents).foreach(i => write(in, s"$i.txt", s"The river of valley $i rises in the north. " * 20))
    in
  }

  private def sentence(body: => Any): LongformException = Failures.told(intercept[Exception](body))

  /** A job whose second document comes when something has happened to the model. */
  private def disturbed(model: Path, in: Path, out: Path)(what: => Unit): LongformException = {
    WatchedReaders.beforeDocument = document => if (document == 2) what
    val error = sentence(ofModel(model, in, out))
    WatchedReaders.beforeDocument = (_: Int) => ()
    error
  }

  private def ofModel(model: Path, in: Path, out: Path): JobSummary =
    run(
      request(
        in.toString,
        out,
        options = Map("model" -> model.toString, "max_new_tokens" -> "4"),
        batch = 1
      ),
      new WatchedReaders
    )

  test("a model that changes under a running job ends it with a sentence, and no row is half of each") {
    val (model, in, out) = (copyOfModel(), input(3), emptyFolder().resolve("answers"))
    val config = model.resolve("generation_config.json")
    val before = if (Files.exists(config)) Files.readAllBytes(config) else "{}".getBytes
    Files.write(config, before)
    val error = disturbed(model, in, out) {
      Files.write(config, " ".getBytes, StandardOpenOption.APPEND)
    }
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    assert(
      error.getMessage.matches(
        "Cannot read documents on executor driver \\([^)]+\\): Cannot use model '.*': its files are of revision " +
          "[0-9a-f]{16} here, but of [0-9a-f]{16} where the job began. Give every node the same files, leave " +
          "them alone while a job runs, and run it again."
      )
    )
    assert(rows(out).size == 1 && rows(out).head.getAs[String]("value") != null)

    Files.write(config, before)
    val summary = ofModel(model, in, out)
    assert(summary.rowsBefore == 1 && summary.rowsWithValue == 2)
    assert(rows(out).map(_.getAs[String]("model_revision")).distinct.size == 1)
  }

  test("a model that an executor does not have ends the job with a sentence, not with rows of errors") {
    val (model, in, out) = (copyOfModel(), input(3), emptyFolder().resolve("answers"))
    val away = model.resolveSibling(s"${model.getFileName}-away")
    val error = disturbed(model, in, out)(Files.move(model, away))
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    assert(
      error.getMessage.startsWith("Cannot read documents on executor driver (") &&
        error.getMessage.contains(s"): Cannot find model '$model': there is no such directory or file")
    )
    assert(rows(out).size == 1)
    Files.move(away, model)
    assert(ofModel(model, in, out).rowsWithValue == 2)
  }

  test("a disk that takes no keys and values is an error of the document that needs it, and of no other") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "long.txt", "The river of the valley rises in the north. " * 400)
    write(in, "short.txt", "The river of the valley rises in the north.")
    val options = Map(
      "context" -> "reattention",
      "kv_memory" -> "400k",
      "kv_directory" -> "/no/such/directory",
      "max_new_tokens" -> "4"
    )
    val summary = run(request(in.toString, out, options = options), new WatchedReaders)
    assert(summary.rowsWithValue == 1 && summary.rowsWithError == 1)
    val failed = rows(out).find(_.getAs[String]("value") == null).get
    val error = failed.getStruct(failed.fieldIndex("error"))
    assert(failed.getAs[String]("doc_id").endsWith("long.txt"))
    assert(error.getString(0) == "OUT_OF_MEMORY")
    assert(error.getString(1).startsWith("Cannot move keys and values to disk: "))
    assert(error.getString(1).endsWith("Give option kv_directory a place with more room, or kv_memory more."))
  }

  test("a directory for checkpoints that cannot be written is told before anything is read") {
    val file = write(emptyFolder(), "file", "no directory")
    val error = intercept[LongformException](
      run(
        request(
          input(1).toString,
          emptyFolder().resolve("answers"),
          recovery = new JobRequest.Recovery(3, file.toString)
        )
      )
    )
    assert(error.errorClass == ErrorClass.INVALID_INPUT)
    assert(error.getMessage.startsWith(s"Cannot keep marks and checkpoints in '$file/summarize-"))
    assert(error.getMessage.endsWith("Make it writable or name another with --checkpoint-directory."))
  }
}
