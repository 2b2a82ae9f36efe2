package org.longform.spark.job

import org.longform.feed.ReadingStrategies
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.model.prune.LlmPruner
import org.longform.kernels.quantise.QuantisationMethods

import java.nio.file.Files
import scala.collection.JavaConverters._

class CommandLineSuite extends JobFixture {
  private val readingCommands = Seq("summarize", "ask", "generate", "perplexity")

  private def command(arguments: String*): RanCommand = {
    spark // commands take the session that runs
    RanCommand.of(arguments: _*)
  }

  private def refused(code: Int, arguments: String*): String = {
    val ended = command(arguments: _*)
    assert(ended.code == code, ended)
    assert(ended.err.linesIterator.size == 1, ended.err)
    ended.err.trim
  }

  test("the help of each reading command lists every option and every parameter of every context") {
    val parameters = ContextStrategies.ALL.asScala.flatMap(_.parameters().asScala).map("--" + _.name()).toSet
    assert(parameters.size >= 10)
    readingCommands.foreach { name =>
      val help = command(name, "--help")
      assert(help.code == 0)
      assert(help.out.startsWith(s"Usage: longform $name --input=<path> --output=<path> [options]"))
      val listed = "--[a-z-]+".r.findAllIn(help.out).toSet
      val missing = (OptionFlags.all().asScala.map(_.flag()).toSet ++ parameters) -- listed
      assert(missing.isEmpty, name)
      Seq(
        "--format",
        "--text-column",
        "--id-column",
        "--limit",
        "--batch-documents",
        "--batch-minutes",
        "--retry-failed"
      )
        .foreach(flag => assert(listed(flag), name))
    }
    assert(command("ask", "--help").out.contains("--questions-column"))
    assert(command("ask", "-h") == command("ask", "--help"))
    val flags = command("ask", "--help").out
    Seq("--sql-prefix", "--progress-interval", "--model-cache").foreach(flag => assert(!flags.contains(flag)))
    assert(flags.contains("--kv-directory"))
  }

  test("the first page lists the commands") {
    val help = command("--help")
    assert(help.code == 0)
    (readingCommands ++ Seq("plan", "inspect", "tokenize", "convert", "prune", "merge-lora")).foreach(name =>
      assert(help.out.contains(s"  $name "))
    )
  }

  test("the parameters of methods that change a model are flags of their commands") {
    val pruning = command("prune", "--help").out
    new LlmPruner().parameters().forEach { parameter =>
      assert(pruning.contains(s"--${parameter.name()}=<value>"), parameter.name())
    }
    assert(!pruning.contains("(llm-pruner)"))
    val quantising = command("quantize", "--help").out
    QuantisationMethods.ALL.forEach(_.parameters().forEach { parameter =>
      assert(quantising.contains(s"--${parameter.name()}=<value>"), parameter.name())
    })
    assert(quantising.contains("(gptq"))
  }

  test("without a command the commands are listed") {
    val ended = command()
    assert(ended.code == LongformJob.WRONG_ARGUMENTS)
    assert(ended.err.contains("Commands:") && ended.err.contains("summarize"))
  }

  test("wrong arguments are one sentence and exit code 2") {
    assert(
      refused(2, "ask", "--output", "o") ==
        "Cannot run 'longform ask': Missing required option: '--input=<path>'. See 'longform ask --help'."
    )
    assert(
      refused(2, "ask", "--input", "i", "--output", "o", "--contxt", "full")
        .contains("'--contxt', 'full'. Did you mean '--context'?")
    )
    assert(refused(2, "fly").startsWith("Cannot run 'longform': Unmatched argument"))
    assert(refused(2, "summarise").contains("'summarise'. Did you mean 'summarize'?"))
    assert(
      refused(2, "ask", "--input", "i", "--output", "o") ==
        "Cannot ask: there is no question. Give --question or --questions-column."
    )
    val summarize = Seq("summarize", "--input", "i", "--output", "o")
    assert(
      refused(2, summarize ++ Seq("--temperature", "hot"): _*)
        .startsWith("Cannot use option '--temperature': ")
    )
    assert(
      refused(2, summarize ++ Seq("--top-p", "0.5", "--top-p", "0.6"): _*).contains("it is given 2 times")
    )
    assert(refused(2, summarize ++ Seq("--format", "pdf"): _*).contains("Give one of auto, text, jats"))
    assert(refused(2, summarize ++ Seq("--limit", "0"): _*).contains("it must be at least 1 (0)"))
    assert(refused(2, summarize ++ Seq("--batch-minutes", "x"): _*).contains("'--batch-minutes'"))
    assert(
      refused(1, summarize ++ Seq("--model", "/no/such"): _*)
        .startsWith("Cannot find model '/no/such': there is no")
    )
  }

  test("a run prints the answers that were asked for, what it did and how to query the table") {
    val in = emptyFolder()
    val out = emptyFolder().resolve("answers")
    write(in, "a.txt", "alpha text")
    write(in, "b.txt", " ")
    val asked = Seq(
      "ask",
      "--input",
      in.toString,
      "--output",
      out.toString,
      "--question",
      "who?",
      "--question",
      "when?"
    )
    val ended = command(asked ++ Seq("--show", "3"): _*)
    assert(ended.code == 0, ended)
    assert(ended.out.contains("a.txt\n  Q: when?\n  A: ask|when?|10|alpha te\n"))
    assert(ended.out.contains("b.txt\n  Q: when?\n  Cannot read document"))
    assert(ended.out.contains("2 rows with a value, 2 with an error, 0 were there before; "))
    assert(ended.out.contains(s"The Delta table is at file:$out"))
    val query = ended.out.linesIterator.find(_.startsWith("Query it: ")).get.stripPrefix("Query it: ")
    assert(spark.sql(query).count() == 4)
    assert(ended.out.contains("\n  2 rows: Cannot read document 'file:"))
    val again = command(asked: _*).out
    assert(again.contains("0 rows with a value, 0 with an error, 4 were there before; "))
    assert(
      again.contains(
        "\n2 of the rows that were there before have an error; --retry-failed tries them again.\n"
      )
    )
    assert(!command(asked :+ "--retry-failed": _*).out.contains("tries them again"))
  }

  test("a glob that the shell has expanded is an input, too") {
    val in = emptyFolder()
    val files = Seq("a.txt", "b.txt", "c.md").map(name => write(in, name, s"text of $name").toString)
    val output = emptyFolder().resolve("o").toString
    val ended = command(Seq("summarize", "--input") ++ files ++ Seq("--output", output): _*)
    assert(ended.code == 0, ended)
    assert(ended.out.startsWith("3 rows with a value, 0 with an error"))
  }

  test("of many reasons the first are told, and how many rows have others") {
    val reasons = new Reasons
    (1 to 9).foreach(i => reasons.add(s"Cannot read $i."))
    reasons.add("Cannot read 3.")
    val told = reasons.text().linesIterator.toSeq
    assert(told.size == 6 && told.head == "  1 row: Cannot read 1." && told(2) == "  2 rows: Cannot read 3.")
    assert(told.last == "  4 rows: other reasons; the column 'error' of the table has them.")
    val hostile = new Reasons
    hostile.add("Cannot read '\u001b[2J'.")
    assert(hostile.text() == "  1 row: Cannot read ' [2J'.\n")
  }

  test("labels, schemas and conditions are what classify, extract and filter ask") {
    val in = emptyFolder()
    write(in, "a.txt", "alpha text")
    val schema = """{"type":"object","properties":{"a":{"type":"string"}}}"""
    val file = write(emptyFolder(), "schema.json", schema + "\n")
    def run(name: String, flags: String*): RanCommand = {
      val folders = Seq("--input", in.toString, "--output", emptyFolder().resolve("o").toString)
      command((name +: folders) ++ ("--show" +: "3" +: flags): _*)
    }
    val classified = run("classify", "--label", "x", "--label", "y \"z\"")
    assert(classified.code == 0, classified)
    assert(classified.out.contains("""A: classify|["x","y \"z\""]|10|alpha te"""))
    assert(run("extract", "--label", "x").out.contains("""A: extract|["x"]|10|alpha te"""))
    assert(run("extract", "--schema", schema).out.contains(s"A: extract|$schema|10|alpha te"))
    assert(run("extract", "--schema-file", file.toString).out.contains(s"A: extract|$schema|10|alpha te"))
    val filtered = run("filter", "--condition", "it is long", "--condition", "it is old")
    assert(
      filtered.out.contains("A: filter|it is long|10|") && filtered.out.contains("A: filter|it is old|10|")
    )
    assert(run("extract").err.contains("Cannot extract: 0 of --label, --schema and --schema-file are given."))
    assert(run("extract", "--label", "x", "--schema", schema).code == 2)
    assert(run("extract", "--schema", "{}").err.contains("the schema has no type"))
    assert(run("classify", "--label", " ").err.contains("one of its labels is blank"))
    assert(run("classify").err.contains("Missing required option: '--label=<label>'"))
    assert(run("filter", "--condition", "").err.contains("'--condition': it must not be empty"))
  }

  test("a failed job is one sentence and exit code 1, with its origin on request") {
    val in = emptyFolder()
    write(in, "a.txt", "this FAILS")
    def failing(flags: Seq[String], input: String = in.toString): Seq[String] =
      Seq("summarize", "--input", input, "--output", emptyFolder().resolve("o").toString) ++ flags
    assert(command(failing(Nil): _*).code == 0)
    assert(
      refused(
        1,
        failing(Seq("--fail-on-error")): _*
      ) == "Cannot read the document: it fails (FAILS). Heal it."
    )
    val verbose = command(failing(Seq("--fail-on-error", "--verbose")): _*)
    assert(
      verbose.code == 1 && verbose.err.contains("LongformException") && verbose.err.contains(
        "at org.longform"
      )
    )
    assert(refused(1, failing(Nil, "/no/where"): _*).startsWith("Cannot read documents from '/no/where': "))
  }

  test("tokenize counts the tokens of each document") {
    val in = emptyFolder()
    write(in, "a.txt", "x" * 400)
    write(in, "b.txt", "y" * 4000)
    write(in, "c.txt", "")
    val ended = command("tokenize", "--input", in.toString)
    assert(ended.code == 0, ended)
    assert(ended.out.linesIterator.toSeq.head.trim.matches("1,000 tokens +4,000 characters .*b.txt"))
    assert(ended.out.contains("2 documents, 1,100 tokens; shortest 100, median 1,000, longest 1,000"))
    assert(ended.out.contains("1 documents have no text or cannot be read"))
  }

  test("plan takes the arguments of a command and says what it would take, without writing anything") {
    val in = emptyFolder()
    write(in, "a.txt", "x" * 8000)
    write(in, "b.txt", "y" * 40000)
    write(in, "c.txt", "")
    val out = emptyFolder().resolve("answers")
    val asked = Seq("ask", "--input", in.toString, "--output", out.toString, "--question", "who?")
    val planned = command(("plan" +: asked) ++ Seq("--max-new-tokens", "5"): _*)
    assert(planned.code == 0, planned)
    assert(Files.notExists(out), "a plan writes nothing")
    assert(planned.out.contains("documents     3 to read, 0 rows are in the table already\n"))
    assert(planned.out.contains("tokens        12,000; shortest 0, median 2,000, longest 10,000\n"))
    assert(planned.out.contains("model         longform-tiny, weights "))
    assert(
      planned.out.contains("KV memory     reattention as f16, 1,024 bytes a token: 9.8 MiB for the largest")
    )
    assert(planned.out.contains("tasks         3 in 1 batches, for 1 executors with 2 slots each\n"))
    assert("device (cpu|nd4j) +about ".r.findAllIn(planned.out).size >= 1, planned.out)
    assert(
      planned.out.contains("Times are estimates from a short probe on this machine. Nothing was written.")
    )
    assert(!planned.out.contains("device reference"))

    assert(command(asked ++ Seq("--max-new-tokens", "5", "--limit", "1"): _*).code == 0)
    val resumed = command(("plan" +: asked) ++ Seq("--max-new-tokens", "5"): _*)
    assert(resumed.out.contains("documents     2 to read, 1 rows are in the table already\n"), resumed)
    assert(planned.out.contains("answers       at most 5 tokens each; the table has none to learn from"))
    assert(
      "answers       [1-5] tokens each, as those in the table; at most 5".r.findFirstIn(resumed.out).nonEmpty
    )
    // one probe is enough for what follows
    def onProcessor(more: String*): RanCommand =
      command(("plan" +: asked) ++ Seq("--device", "cpu") ++ more: _*)
    val bounded = onProcessor("--context", "streaming")
    assert(bounded.out.contains("streaming as f16, 1,024 bytes a token: 0.6 MiB for the largest"), bounded)
    assert(bounded.out.contains("documents     3 to read, 0 rows"))
    val two = onProcessor("--decoding", "draft-model", "--draft-model", "longform-tiny")
    assert(two.out.contains("and beside it longform-tiny, weights 1.9 MiB"), two)
    assert(two.out.contains("reattention as f16, 2,048 bytes a token: "), two)
    // 6 query heads of 32 in 4 layers, 4 bytes a number, a key for 8 tokens
    val remembering = onProcessor("--context", "infllm", "--max-new-tokens", "5")
    assert(remembering.out.contains("Java heap     4.4 MiB for what infllm remembers of the 2 "), remembering)
  }

  test("plan refuses readings for a question: their time is not measured") {
    val in = emptyFolder()
    write(in, "a.txt", "x" * 8000)
    val asked =
      Seq("ask", "--input", in.toString, "--output", in.resolve("out").toString, "--question", "who?")
    for (reading <- Seq("homer", "infini-retri")) {
      val planned = command(("plan" +: asked) ++ Seq("--reading", reading): _*)
      assert(planned.code == 2)
      assert(
        planned.err.contains(
          s"Cannot plan a job with reading '$reading': it reads a document once for each question"
        )
      )
    }
  }

  test("plan without a command and with wrong arguments is one sentence") {
    assert(refused(2, "plan").startsWith("Cannot run 'longform plan': Missing required subcommand"))
    assert(
      refused(2, "plan", "ask", "--input", "i").contains(
        "Cannot run 'longform plan ask': Missing required option"
      )
    )
    assert(
      command("plan", "ask", "--help").out.startsWith(
        "Usage: longform plan ask --input=<path> --output=<path> [options]"
      )
    )
  }

  test("inspect shows the bundled model, its memory needs and the defaults of each strategy") {
    val ended = command("inspect")
    assert(ended.code == 0, ended)
    Seq(
      "parameters      1,016,960",
      "16 bits each",
      "trained window  512 tokens",
      "1,024 bytes for each token as F16"
    ).foreach { text =>
      assert(ended.out.contains(text))
    }
    ContextStrategies.ALL.forEach(strategy => assert(ended.out.contains("context " + strategy.name())))
    ReadingStrategies.ALL.forEach(strategy => assert(ended.out.contains("reading " + strategy.name())))
  }
}
