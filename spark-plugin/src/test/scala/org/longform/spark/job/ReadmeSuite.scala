package org.longform.spark.job

import org.longform.spark.SparkSuite

import java.io.{ByteArrayOutputStream, PrintStream}
import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

/** What README.md shows can be done. */
class ReadmeSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] = Map(
    "spark.plugins" -> "org.longform.spark.LongformPlugin",
    "spark.longform.failOnError" -> "true"
  )

  private val page = Files.readString(Path.of(System.getProperty("longform.basedir"), "README.md"))

  /** Blocks of code in a language, empty for none. */
  private def blocks(language: String): Seq[String] = {
    val inCode = page.split("(?m)^```").zipWithIndex.collect { case (text, i) if i % 2 == 1 => text }
    inCode.filter(_.takeWhile(_ != '\n') == language).map(_.dropWhile(_ != '\n').trim).toSeq
  }

  /** A line as the shell takes it apart. */
  private def words(line: String): Seq[String] =
    "'[^']*'|\"[^\"]*\"|\\S+".r
      .findAllIn(line)
      .map(word => word.replaceAll("^(['\"])(.*)\\1$", "$2"))
      .toSeq
      .takeWhile(_ != "#")

  test("every command line is understood") {
    val lines = blocks("").flatMap(_.replace("\\\n", " ").linesIterator)
    val ofScript = lines.filter(_.startsWith("ci/longform ")).map(words(_).tail)
    val submitted =
      lines.filter(_.startsWith("spark-submit ")).map(words(_).dropWhile(!_.endsWith(".jar")).tail)
    val ofTable = "(?m)^\\| `((convert|quantize|prune|merge-lora) [^`]*)` \\|".r
      .findAllMatchIn(page)
      .map(found => words(found.group(1)))
      .toSeq
    assert(ofScript.size >= 9 && submitted.size == 1 && ofTable.size == 4)
    val nowhere = new PrintStream(new ByteArrayOutputStream)
    for (arguments <- ofScript ++ submitted ++ ofTable) {
      val context = new CommandContext(new FakeReaders, nowhere, nowhere)
      // throws where an option is unknown or missing
      val parsed = LongformJob.commandLine(context).parseArgs(arguments: _*)
      assert(parsed.hasSubcommand, arguments)
      OptionFlags.given(parsed.subcommand())
    }
  }

  test("every statement of SQL runs") {
    val session = spark.newSession()
    import session.implicits._
    val text = "The sample size of the Veldra cohort was 4821. It reports an experiment with thale cress."
    Seq("a" -> text).toDF("doc_id", "text").createOrReplaceTempView("articles")
    Seq(("p", "1", text), ("p", "2", text))
      .toDF("paper_id", "section", "text")
      .createOrReplaceTempView("sections")
    val statements = blocks("sql").flatMap(_.replaceAll("--.*", "").split(";")).map(_.trim).filter(_.nonEmpty)
    assert(statements.size >= 8 && statements.count(_.contains("ai_")) >= 6)
    for (statement <- statements) {
      val rows = session.sql(statement).collect()
      assert(rows.nonEmpty || statement.contains("ai_filter"), statement)
    }
  }

  test("every file and every heading that the page points to is there") {
    val root = Path.of(System.getProperty("longform.basedir"))
    val links =
      "\\]\\(([^)]+)\\)".r.findAllMatchIn(page).map(_.group(1)).filterNot(_.startsWith("http")).toSeq
    assert(links.size > 5)
    for (link <- links) {
      val Array(file, heading) = (link + "#").split("#", -1).take(2)
      val target = if (file.isEmpty) root.resolve("README.md") else root.resolve(file)
      assert(Files.exists(target), link)
      if (heading.nonEmpty) {
        val headings = Files
          .readAllLines(target)
          .asScala
          .filter(_.startsWith("#"))
          .map(_.replaceAll("^#+ ", "").toLowerCase.replaceAll("[^a-z0-9 -]", "").replace(' ', '-'))
        assert(headings.contains(heading), link)
      }
    }
  }
}
