package org.longform.read

import org.longform.datasets.models.BundledModels
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.Options
import org.longform.runtime.RowKey
import org.longform.tokenizer.Tokenizer
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** The texts of a group as one stream of characters. */
class PartsReaderSuite extends AnyFunSuite with BeforeAndAfterAll {
  private lazy val tokenizer = Tokenizer.load(BundledModels.localDirectory("longform-tiny"))

  override def afterAll(): Unit = tokenizer.close()

  private def check(policy: String): RowCheck =
    new RowCheck(tokenizer, Options.ofCall(Map("row_errors" -> policy).asJava))

  /** A group of these texts that counts how many were asked for. */
  private class Group(texts: Seq[String]) extends DocumentSource {
    var given = 0
    override def parts(): java.util.Iterator[Part] =
      texts.iterator.zipWithIndex.map { case (text, i) =>
        given += 1
        new Part(s"key $i", i + 1L, text)
      }.asJava
  }

  private def all(reader: PartsReader, bufferSize: Int): String = {
    val text = new StringBuilder
    val buffer = new Array[Char](bufferSize)
    Iterator
      .continually(reader.read(buffer, 0, buffer.length))
      .takeWhile(_ >= 0)
      .foreach(count => text.appendAll(buffer, 0, count))
    text.toString
  }

  test("texts follow each other with an empty line between, and the key is that of the joined text") {
    val texts = Seq("First text.", "Zweiter Text: äöü.", "x", "😀 last")
    for (bufferSize <- Seq(1, 3, 1000)) {
      val reader = new PartsReader(new Group(texts), check("skip"))
      assert(all(reader, bufferSize) == texts.mkString("\n\n"))
      assert(reader.rowKey().get() == RowKey.of(texts.mkString("\n\n")))
      assert(reader.tally() == new RowTally(4, 0, List.empty[RowTally.RowError].asJava))
    }
  }

  test("the key is that of the whole text also if reading ends before") {
    val texts = Seq("First text.", "Second.", "Third.")
    val reader = new PartsReader(new Group(texts), check("skip"))
    reader.read(new Array[Char](14), 0, 14)
    reader.finish()
    assert(reader.rowKey().get() == RowKey.of(texts.mkString("\n\n")))
    assert(reader.tally().rows() == 3)
  }

  test("a text is asked for when the one before it was read") {
    val group = new Group(Seq("one", "two", "three"))
    val reader = new PartsReader(group, check("skip"))
    reader.requireText()
    assert(group.given == 1)
    reader.read(new Array[Char](3), 0, 3)
    assert(group.given == 1)
    reader.read(new Array[Char](3), 0, 3)
    assert(group.given == 2)
  }

  test("rows that cannot be read are left out, counted and named") {
    val texts = Seq(" ", "one", "", "two") ++ Seq.fill(20)("\n")
    val reader = new PartsReader(new Group(texts), check("skip"))
    assert(all(reader, 100) == "one\n\ntwo")
    val tally = reader.tally()
    assert(tally.rows() == 24 && tally.skipped() == 22 && tally.errors().size() == 10)
    val second = tally.errors().get(1)
    assert(second.row() == 3 && second.doc() == "key 2")
    assert(second.error().errorClass() == ErrorClass.EMPTY_DOCUMENT)
    assert(second.error().message().startsWith("Cannot read the document: it is empty (0 characters"))
  }

  test("a group that fails with its rows says which one") {
    val reader = new PartsReader(new Group(Seq("one", " ")), check("fail"))
    val failure = intercept[LongformException](all(reader, 100))
    assert(failure.errorClass() == ErrorClass.EMPTY_DOCUMENT)
    assert(
      failure.getMessage.startsWith(
        "Cannot read the group: its row 2 ('key 1') cannot be read. Cannot read the document: it is empty (1 characters"
      )
    )
    assert(failure.getMessage.endsWith("Or set row_errors to 'skip'."))
  }

  test("a group of which no row can be read is empty") {
    val failure = intercept[LongformException](
      new PartsReader(new Group(Seq(" ", "\t")), check("skip")).requireText()
    )
    assert(failure.errorClass() == ErrorClass.EMPTY_DOCUMENT)
    assert(
      failure.getMessage.startsWith("Cannot read the group: none of its 2 rows can be read (row 1: Cannot")
    )
  }

  test("a document of one text fails as it is, whatever the policy for rows") {
    for (policy <- Seq("skip", "fail")) {
      val failure = intercept[LongformException](
        new PartsReader(DocumentSource.of(" ", "key"), check(policy)).requireText()
      )
      assert(failure.getMessage.startsWith("Cannot read the document: it is empty (1 characters"))
    }
  }
}
