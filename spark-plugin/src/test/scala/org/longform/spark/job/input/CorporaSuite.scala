package org.longform.spark.job.input

import org.apache.spark.sql.{Row, SaveMode}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.spark.{LocalSession, SparkSuite}

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

class CorporaSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] = LocalSession.Interpreted

  private def write(folder: Path, name: String, bytes: Array[Byte]): Path = {
    Files.createDirectories(folder.resolve(name).getParent)
    Files.write(folder.resolve(name), bytes)
  }

  private def write(folder: Path, name: String, text: String): Path =
    write(folder, name, text.getBytes(UTF_8))

  private def spec(
      paths: String,
      format: InputFormat = InputFormat.AUTO,
      text: String = "text",
      id: String = "",
      questions: String = ""
  ) = new InputSpec(paths, format, text, id, questions)

  private def read(input: InputSpec): Seq[Row] =
    Corpora.open(spark, input).documents().collect().sortBy(_.getAs[String]("doc_id")).toSeq

  private def texts(input: InputSpec): Seq[String] = read(input).map(_.getAs[String]("text"))

  private def problem(input: InputSpec): String = {
    val row = read(input)
    assert(row.size == 1)
    assert(row.head.getAs[String]("text") == null)
    row.head.getAs[String]("error_class") + ": " + row.head.getAs[String]("error_message")
  }

  private def refusal(input: InputSpec): String = {
    val error = intercept[LongformException](Corpora.open(spark, input))
    assert(error.errorClass == ErrorClass.INVALID_INPUT)
    error.getMessage
  }

  test("a directory gives its texts at any depth, without hidden files and unknown endings") {
    val in = emptyFolder()
    write(in, "a.txt", "alpha")
    write(in, "deep/er/b.md", "beta")
    write(in, ".hidden.txt", "no")
    write(in, "_tmp/c.txt", "no")
    write(in, "picture.png", "no")
    assert(texts(spec(in.toString)) == Seq("alpha", "beta"))
  }

  test(
    "files, globs and lists of paths are taken, also with commas in braces and unknown endings when named"
  ) {
    val in = emptyFolder()
    write(in, "a1.txt", "one")
    write(in, "a2.txt", "two")
    write(in, "b1.txt", "three")
    write(in, "notes", "four")
    assert(texts(spec(s"$in/a*.txt")) == Seq("one", "two"))
    assert(texts(spec(s"$in/{a1,b1}.txt")) == Seq("one", "three"))
    assert(texts(spec(s"$in/a2.txt, $in/notes")) == Seq("two", "four"))
  }

  test("names with blanks, percent signs and brackets are names") {
    val in = emptyFolder()
    write(in, "a b%20c [1].txt", "alpha")
    write(in, "d {e} [1]*.jsonl", """{"text":"beta"}""")
    assert(texts(spec(s"$in/a b%20c [1].txt")) == Seq("alpha"))
    assert(texts(spec(s"$in/d {e} [1]*.jsonl")) == Seq("beta"))
    val corpus = Corpora.open(spark, spec(in.toString))
    val paths = corpus.documents().collect().map(_.getAs[String]("source_path")).toSet
    assert(corpus.documentsOf(paths.asJava).count() == 2)
  }

  test("a file that Spark would leave out is refused, not left out") {
    val in = emptyFolder()
    write(in, "_a.jsonl", """{"text":"alpha"}""")
    write(in, "_a.txt", "beta")
    assert(refusal(spec(s"$in/_a.jsonl")).contains("Spark leaves out files whose names begin so"))
    assert(texts(spec(s"$in/_a.txt")) == Seq("beta"))
  }

  test("a file that is no Parquet is refused with its name") {
    val in = emptyFolder()
    val file = write(in, "a [1].parquet", "PAR1 it is not" * 10)
    val told = refusal(spec(in.toString))
    assert(told.startsWith(s"Cannot read documents from '$in': a Parquet file cannot be opened ("))
    assert(told.contains(file.getFileName.toString) && told.linesIterator.size == 1, told)
    assert(
      intercept[LongformException](AskedDocuments.open(spark, AskedSpec.of(in.toString))).getMessage == told
    )
  }

  test("text is strict UTF-8, without a byte order mark") {
    val in = emptyFolder()
    write(in, "marked.txt", Array(0xef, 0xbb, 0xbf).map(_.toByte) ++ "grüße 😀".getBytes(UTF_8))
    assert(texts(spec(in.toString)) == Seq("grüße 😀"))
    val bad = emptyFolder()
    val file = write(bad, "latin.txt", "gr\u00fc\u00dfe".getBytes("ISO-8859-1"))
    assert(
      problem(spec(bad.toString)) ==
        s"MALFORMED_DOCUMENT: Cannot read 'file:$file': it is not UTF-8 text (byte 2 is 0xfc). Convert the file to UTF-8."
    )
    val cut = emptyFolder()
    write(cut, "cut.txt", "😀".getBytes(UTF_8).take(3))
    assert(problem(spec(cut.toString)).contains("it is not UTF-8 text (byte 0 is 0xf0)"))
  }

  test("an empty file is an error in its row") {
    val in = emptyFolder()
    val file = write(in, "a.txt", " \n ")
    assert(
      problem(spec(in.toString)) ==
        s"EMPTY_DOCUMENT: Cannot read document 'file:$file': its text is empty. Leave it out or name the column with the text."
    )
  }

  test("a JATS article is its title and body, without abstract and references") {
    val in = emptyFolder()
    write(
      in,
      "a.nxml",
      """<article><front><article-meta><title-group><article-title>On Moss</article-title></title-group>
        |<abstract><p>Short.</p></abstract></article-meta></front>
        |<body><sec><title>Methods</title><p>We looked at moss.</p></sec></body>
        |<back><ref-list><ref id="r1"><mixed-citation>Nobody 1999</mixed-citation></ref></ref-list></back></article>""".stripMargin
    )
    val text = texts(spec(in.toString)).head
    assert(text.contains("On Moss") && text.contains("Methods") && text.contains("We looked at moss."))
    assert(!text.contains("Short.") && !text.contains("Nobody"))
  }

  test("a malformed article is an error in its row that says where") {
    val in = emptyFolder()
    write(in, "a.xml", "<article><body><p>open")
    val found = problem(spec(in.toString))
    assert(found.startsWith("MALFORMED_DOCUMENT: Cannot read") && found.contains("a.xml"))
  }

  test("JSON lines give texts, ids and questions; broken lines are errors in their rows") {
    val in = emptyFolder()
    write(
      in,
      "c.jsonl",
      """{"doc_id": 7, "text": "alpha", "extra": {"text": "inner"}, "q": [{"question": "one?"}, "two?"]}
        |
        |{"text": "beta"}
        |{"doc_id": "x", "text": ["no"]}
        |{"doc_id": "y", "text": "cut
        |{"doc_id": "z"}{}
        |[1]
        |""".stripMargin
    )
    val rows = read(spec(in.toString, questions = "q"))
    val good = rows.filter(_.getAs[String]("text") != null)
    assert(good.map(_.getAs[String]("text")).toSet == Set("alpha", "beta"))
    val alpha = good.find(_.getAs[String]("text") == "alpha").get
    assert(alpha.getAs[String]("doc_id") == "7" && alpha.getSeq[String](6) == Seq("one?", "two?"))
    val beta = good.find(_.getAs[String]("text") == "beta").get
    assert(
      beta.getAs[String]("doc_id") == beta.getAs[String]("content_hash") && beta.getSeq[String](6).isEmpty
    )
    val messages = rows.filter(_.getAs[String]("text") == null).map(_.getAs[String]("error_message")).sorted
    assert(messages.size == 4)
    assert(messages.exists(_.contains("its field 'text' is no text; it begins with '{\"doc_id\": \"x\"")))
    assert(messages.exists(_.contains("it is not JSON (")))
    assert(messages.exists(_.contains("there is more than one JSON object")))
    assert(messages.exists(_.contains("it is not a JSON object; it begins with '[1]'")))
  }

  test("Parquet and Delta tables give texts, ids and questions of every kind; NULL is an error in its row") {
    import spark.implicits._
    val table = Seq(
      ("a", "alpha", Seq("one?")),
      ("b", null: String, Seq("two?")),
      ("c", "  ", null: Seq[String])
    ).toDF("name", "body", "asked")
    val parquet = emptyFolder().resolve("p").toString
    val delta = emptyFolder().resolve("d").toString
    table.write.parquet(parquet)
    table.write.format("delta").save(delta)
    Seq(parquet, delta, s"$parquet/*.parquet").foreach { path =>
      val rows = read(spec(path, text = "body", id = "name", questions = "asked"))
      assert(rows.map(_.getAs[String]("text")) == Seq("alpha", null, null))
      assert(rows.map(_.getSeq[String](6)).take(2) == Seq(Seq("one?"), Seq("two?")))
      assert(
        rows.map(_.getAs[String]("error_message")).tail == Seq(
          "Cannot read document 'b': its text is NULL. Leave it out or name the column with the text.",
          "Cannot read document 'c': its text is empty. Leave it out or name the column with the text."
        )
      )
      assert(rows.map(_.getAs[String]("content_hash")).distinct.size == 3)
    }
    table
      .selectExpr("body", "transform(asked, q -> named_struct('question', q)) asked")
      .write
      .mode(SaveMode.Overwrite)
      .parquet(parquet)
    val structs = read(spec(parquet, text = "body", questions = "asked"))
    assert(
      structs.flatMap(row => Option(row.getAs[scala.collection.Seq[String]](6))).toSet == Set(
        Seq("one?"),
        Seq("two?")
      )
    )
  }

  test("several formats in one directory are one corpus, and files can be read one by one") {
    val in = emptyFolder()
    write(in, "a.txt", "alpha")
    write(in, "b.jsonl", "{\"text\":\"beta\"}\n{\"text\":\"gamma\"}")
    spark.range(2).selectExpr("concat('row ', id) text").coalesce(1).write.parquet(in.resolve("p").toString)
    val corpus = Corpora.open(spark, spec(in.toString))
    val rows = corpus.documents().collect()
    assert(rows.map(_.getAs[String]("text")).toSet == Set("alpha", "beta", "gamma", "row 0", "row 1"))
    rows.groupBy(_.getAs[String]("source_path")).foreach { case (path, ofFile) =>
      val again = corpus.documentsOf(Set(path).asJava).collect()
      assert(again.map(_.getAs[String]("text")).toSet == ofFile.map(_.getAs[String]("text")).toSet)
    }
  }

  test("an input without documents, or without the columns, is refused with a sentence") {
    val in = emptyFolder()
    assert(
      refusal(
        spec(s"$in/nothing.txt")
      ) == s"Cannot read documents from '$in/nothing.txt': there is nothing. Give " +
        s"--input a directory, file or glob (${InputFormat.endings()}) or a Delta table."
    )
    assert(refusal(spec(in.toString)).contains("there are no files"))
    write(in, "a.png", "x")
    assert(refusal(spec(in.toString)).contains("no file has a known ending (found .png)"))
    assert(refusal(spec(in.toString, InputFormat.DELTA)).contains("it is no Delta table (no _delta_log)"))
    val json = write(in, "a.jsonl", """{"body":"x","id":"y"}""")
    assert(
      refusal(spec(json.toString)) == s"Cannot read documents from '$json': there is no column 'text' " +
        "(found: body, id). Name the column by --text-column."
    )
    val parquet = emptyFolder().resolve("p").toString
    spark.range(1).selectExpr("id text", "'t' body", "1 q").write.parquet(parquet)
    assert(refusal(spec(parquet)).contains("column 'text' is no text (bigint)"))
    assert(
      refusal(spec(parquet, text = "body", id = "nope"))
        .contains("there is no column 'nope' (found: text, body, q)")
    )
    assert(
      refusal(spec(parquet, text = "body", questions = "q")).contains("column 'q' holds no questions (int)")
    )
  }

  test("an unknown format is refused with the known ones") {
    val error = intercept[LongformException](InputFormat.ofWord("pdf"))
    assert(
      error.getMessage ==
        "Cannot use option '--format': its value is unknown ('pdf'). Give one of auto, text, jats, json, parquet, delta."
    )
  }
}
