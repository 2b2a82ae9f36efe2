package org.longform.sql

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.expressions.{GenericInternalRow, UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.types.{DataType, LongType, StringType}
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import java.nio.file.Files
import scala.collection.JavaConverters._

/** The rows of a group as Spark gives them: one row object with other content each time. */
class GroupRowsSuite extends AnyFunSuite with BeforeAndAfterAll {
  private var spark: SparkSession = _
  private lazy val localDirectory = Files.createTempDirectory("longform-local")

  override def beforeAll(): Unit = {
    spark = SparkSession
      .builder()
      .master("local[1]")
      .config("spark.local.dir", localDirectory.toString)
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.driver.bindAddress", "127.0.0.1")
      .getOrCreate()
  }

  override def afterAll(): Unit = spark.stop()

  private def rows(texts: Seq[String]): java.util.Iterator[UnsafeRow] = {
    val project = UnsafeProjection.create(Array[DataType](LongType, StringType))
    texts.iterator.zipWithIndex.map { case (text, i) =>
      project(new GenericInternalRow(Array[Any](i.toLong, UTF8String.fromString(text))))
    }.asJava
  }

  private def group(texts: Seq[String]): GroupRows =
    new GroupRows(rows(texts), 2, 1, (row, ordinal) => s"${row.getLong(0)}/$ordinal")

  private def temporaryFiles: Seq[String] =
    Files.walk(localDirectory).iterator().asScala.filter(Files.isRegularFile(_)).map(_.toString).toVector

  test("rows without a text are no part of the document and have no place in it") {
    val rows = group(Seq(null, "one", null, "two"))
    assert(!rows.isEmpty)
    val parts = rows.parts().asScala.toVector
    assert(parts.map(_.text()) == Seq("one", "two"))
    assert(parts.map(_.row()) == Seq(1, 2) && parts.map(_.doc()) == Seq("1/1", "3/2"))
    assert(rows.withText() == 2)
  }

  test("a group whose texts are all NULL is empty") {
    assert(group(Seq(null, null)).isEmpty && group(Nil).isEmpty)
  }

  test("kept rows come again as they were, from memory and from a file without a name") {
    val big = "x" * 700
    for (count <- Seq(3, 5000)) {
      val texts = (0 until count).map(i => if (i % 7 == 0) null else s"$i $big ü😀")
      val all = group(texts)
      all.keep()
      val first = all.parts().asScala.toVector
      assert(first.map(_.text()) == texts.filter(_ != null))
      assert(all.parts().asScala.toVector == first && all.parts().asScala.toSeq == first)
      all.finish()
      val again =
        all.rows().asScala.map(row => (row.getLong(0), Option(row.getUTF8String(1)).map(_.toString))).toVector
      assert(again.map(_._1) == texts.indices)
      assert(again.map(_._2) == texts.map(Option(_)))
      assert(temporaryFiles.isEmpty)
      all.close()
    }
  }

  test("what was not read the first time is there the second time") {
    val all = group(Seq("one", "two", "three"))
    all.keep()
    assert(all.parts().next().text() == "one")
    assert(all.parts().asScala.map(_.text()).toSeq == Seq("one", "two", "three"))
  }

  test("rows that were not kept do not come again") {
    val all = group(Seq("one"))
    all.parts().asScala.foreach(_ => ())
    intercept[IllegalStateException](all.parts())
    intercept[IllegalStateException](all.keep())
  }

  test("a failure of Spark's iterator is remembered") {
    val failing = new java.util.Iterator[UnsafeRow] {
      override def hasNext: Boolean = throw new IllegalArgumentException("fetch failed")
      override def next(): UnsafeRow = throw new NoSuchElementException
    }
    val all = new GroupRows(failing, 2, 1, (_, _) => "")
    intercept[IllegalArgumentException](all.parts().hasNext)
    assert(intercept[IllegalArgumentException](all.throwFailure()).getMessage == "fetch failed")
  }
}
