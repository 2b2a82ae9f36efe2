package org.longform.spark.job

import org.longform.kernels.error.ErrorClass
import org.longform.read._

import java.nio.file.{Files, Path}
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicInteger
import java.util.{List => JList, Map => JMap}
import scala.collection.JavaConverters._

/** Readers without a model that say what they were given. What they do follows from the text: "POISON"
  * throws, "CRASHES" ends the process, "FAILS" answers with an error (until [[FakeReaders.healed]] is set),
  * anything else is answered. Options: `pause_ms` is spent on each document, `halt_after` ends the process
  * without any clean-up when that many documents were read.
  */
class FakeReaders extends ReaderSource {
  override def reader(options: JMap[String, String]): DocumentReader = new FakeReader(options)
  override def validate(options: JMap[String, String]): Unit = ()
  override def modelRevision(options: JMap[String, String]): String = "r1"
  override def trainedWindow(options: JMap[String, String]): Long = 128
  override def requireModelRevision(options: JMap[String, String], revision: String): Unit = ()
  override def describe(options: JMap[String, String]): String =
    options.asScala
      .filter { case (key, _) => !Set("pause_ms", "halt_after", "delete").contains(key) }
      .toSeq
      .sorted
      .mkString(";")
}

class FakeReader(options: JMap[String, String]) extends DocumentReader {
  override def read(request: ReadRequest): JList[Answer] = {
    val text = request.text
    FakeReaders.texts.add(text)
    if (FakeReaders.readings.incrementAndGet() > options.getOrDefault("halt_after", "1000000").toInt) {
      Runtime.getRuntime.halt(137)
    }
    val action = FakeReaders.onNext
    FakeReaders.onNext = None
    action.foreach(_())
    Thread.sleep(options.getOrDefault("pause_ms", "0").toLong)
    if (text.contains("CRASHES")) Runtime.getRuntime.halt(134)
    request.listener.tokensRead(text.length / 4)
    Option(options.get("delete")).foreach(file => Files.deleteIfExists(Path.of(file)))
    if (text.contains("POISON")) throw new IllegalStateException("poison")
    request.questions.asScala.map { question =>
      val error =
        if (text.contains("FAILS") && !FakeReaders.healed) {
          new AnswerError(ErrorClass.CANCELLED, "Cannot read the document: it fails (FAILS). Heal it.")
        } else null
      val value =
        if (error == null) s"${request.task.word}|$question|${text.length}|${text.take(8)}" else null
      val span = new Evidence("", 0, 0, 4, text.take(4), 0.5)
      new Answer(
        value,
        error,
        if (error == null) "stop" else "error",
        text.length / 4,
        7,
        11,
        false,
        "full",
        "fake",
        "r1",
        42,
        1,
        java.util.Collections.singletonList(span),
        RowTally.NONE,
        java.util.Collections.emptyMap()
      )
    }.asJava
  }

  override def countTokens(text: String): Long = text.length / 4
}

object FakeReaders {
  val readings = new AtomicInteger
  val texts = new ConcurrentLinkedQueue[String]
  @volatile var healed = false

  /** Happens while the next document is read. */
  @volatile var onNext: Option[() => Unit] = None

  def reset(): Unit = {
    readings.set(0)
    texts.clear()
    healed = false
    onNext = None
  }
}
