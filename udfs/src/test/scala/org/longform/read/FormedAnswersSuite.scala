package org.longform.read

import scala.collection.JavaConverters._

import org.longform.decoding.DecodingStrategies
import org.longform.grammar.{JsonOracle, JsonSchema, TokenAutomata}
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.error.ErrorClass
import org.longform.kernels.model.Session
import org.longform.options.Options
import org.longform.prompt.{Prompt, Task}
import org.longform.runtime.LongformRuntime
import org.longform.tokenizer.Tokenizer
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** Answers that have a form: JSON of a schema, one of some labels, yes or no. The bundled model writes them.
  */
class FormedAnswersSuite extends AnyFunSuite with BeforeAndAfterAll {
  override def afterAll(): Unit = LongformRuntime.shutdown()

  private lazy val model = LongformRuntime.model(Options.defaults())

  private val text =
    "Results\nThe median age of the Kelmos cohort was 57.3 years. The sample size of the Veldra cohort was 4821. " +
      "The code name of the Kelmos cohort was amber falcon."

  private val schemas = Seq(
    """["sample size","code name"]""",
    """{"type":"object","properties":{"size":{"type":"integer"},"names":{"type":"array","items":{"type":"string"},"maxItems":3},
       "kind":{"enum":["cohort","trial"]}}}""",
    """{"type":"object","required":["b"],"properties":{"a":{"type":"string"},"b":{"type":"number"},"c":{"type":"boolean"}}}"""
  )

  private def read(task: Task, questions: Seq[String], options: (String, String)*): Seq[Answer] =
    LongformRuntime
      .reader(options.toMap.asJava)
      .read(new ReadRequest(text, task, questions.asJava, "a row", ReadListener.NONE))
      .asScala
      .toList

  private def extract(schema: String, options: (String, String)*): Answer =
    read(Task.EXTRACT, Seq(schema), options: _*).head

  private def fits(schema: String, answer: Answer): Unit = {
    assert(answer.error() == null)
    assert(
      new JsonOracle(JsonSchema.extracted(schema)).accepts(answer.value().getBytes("UTF-8")),
      answer.value()
    )
  }

  private def told(answer: Answer) =
    (answer.value(), answer.error(), answer.finishReason(), answer.outputTokens(), answer.evidence())

  /** Reads the document and the question, and then does something. */
  private def asked[A](task: Task, question: String)(body: Session => A): A = {
    val prompt = Prompt.of(model.promptFormat(), task, question, Options.defaults())
    val full = ContextStrategies.create("full", java.util.Map.of(), model.decoder().limits())
    val session = model.decoder().open(full)
    try {
      val tokens = prompt.prefixTokens(model.tokenizer()) ++ model.tokenizer().encode(text)
      session.feed(tokens, 0, tokens.length)
      session.ask(prompt.suffixTokens(model.tokenizer()))
      body(session)
    } finally session.close()
  }

  test("plain decoding writes the best token that the grammar allows, each time") {
    val ends = (model.tokenizer().eosIds().asScala ++ model.generationConfig().eosIds().asScala).toSet.asJava
    for (schema <- schemas) {
      val automaton = TokenAutomata.of(model.tokenizer()).json(JsonSchema.extracted(schema), ends)
      val (json, tokens) = asked(Task.EXTRACT, schema) { session =>
        var place = automaton.begin(60)
        val bytes = Array.newBuilder[Byte]
        var count = 0
        while (!place.complete()) {
          val logits = session.logits()
          val best = place.forced().orElse(place.allowed().stream().toArray.maxBy(id => (logits(id), -id)))
          bytes ++= automaton.bytes(best)
          place = place.after(best)
          session.step(best)
          count += 1
        }
        (new String(bytes.result(), "UTF-8").trim, count)
      }
      val answer = extract(schema, "context" -> "full", "max_new_tokens" -> "60")
      assert(answer.value() == json && answer.outputTokens() == tokens)
      fits(schema, answer)
    }
  }

  private val guessing = DecodingStrategies.ALL.asScala.filter(_.guesses()).map(_.name()).toSeq

  private def decoding(name: String): Seq[(String, String)] =
    Seq("decoding" -> name) ++ (if (name == "draft-model") Seq("draft_model" -> "longform-tiny") else Nil)

  for (name <- guessing; context <- Seq("full", "streaming", "reattention"))
    test(s"$name under $context extracts what plain decoding extracts") {
      for (schema <- schemas; most <- Seq(30, 45, 90)) {
        val some = Seq("context" -> context, "max_new_tokens" -> most.toString)
        val plain = extract(schema, some: _*)
        fits(schema, plain)
        assert(told(extract(schema, some ++ decoding(name): _*)) == told(plain))
      }
    }

  test("what is certain takes no steps of its own, where the context can branch") {
    def steps(context: String): (Long, Long) = {
      val before = LongformRuntime.stats().decodeSteps()
      val answer = extract(schemas.head, "context" -> context, "max_new_tokens" -> "60")
      fits(schemas.head, answer)
      (LongformRuntime.stats().decodeSteps() - before, answer.outputTokens())
    }
    val (branching, tokens) = steps("full")
    assert(branching < tokens - 3)
    val (remembering, others) = steps("infinipot")
    assert(remembering == others - 1)
  }

  test("sampled JSON is valid whatever is drawn, and guesses change no draw") {
    for (schema <- schemas; seed <- 1 to 12; most <- Seq(30, 60)) {
      val some = Seq("temperature" -> "2.5", "seed" -> seed.toString, "max_new_tokens" -> most.toString)
      val plain = extract(schema, some: _*)
      fits(schema, plain)
      assert(plain.outputTokens() <= most)
      for (name <- Seq("prompt-lookup", "lookahead"))
        assert(told(extract(schema, some ++ decoding(name): _*)) == told(plain))
      fits(schema, extract(schema, some ++ decoding("draft-model"): _*))
    }
  }

  test("a penalty, top_k and stop texts do not break JSON") {
    for (schema <- schemas) {
      fits(schema, extract(schema, "repetition_penalty" -> "5", "max_new_tokens" -> "50"))
      fits(
        schema,
        extract(schema, "temperature" -> "1", "top_k" -> "2", "min_p" -> "0.3", "max_new_tokens" -> "50")
      )
      val stopped = extract(schema, "stop" -> """["\"", ",", "e"]""", "max_new_tokens" -> "50")
      assert(told(stopped) == told(extract(schema, "max_new_tokens" -> "50")))
    }
  }

  test("JSON that had to be closed says so; a limit below all JSON is an error of the row") {
    val schema =
      """{"type":"object","properties":{"text":{"type":"string"},"more":{"type":["string","null"]}}}"""
    val long = extract(schema, "max_new_tokens" -> "200")
    val least = (1 to 60).find(most => extract(schema, "max_new_tokens" -> most.toString).error() == null).get
    assert(least > 3)
    for (most <- least to least + 6) {
      val answer = extract(schema, "max_new_tokens" -> most.toString)
      fits(schema, answer)
      assert(answer.outputTokens() <= most)
      if (answer.value() != long.value()) assert(answer.finishReason() == "length", answer.value())
    }
    val error = extract(schema, "max_new_tokens" -> (least - 1).toString).error()
    assert(error.errorClass() == ErrorClass.INVALID_OPTION)
    assert(error.message().contains(s"it takes $least tokens, and max_new_tokens is ${least - 1}"))
  }

  /** The probability that the model begins its answer with one of these texts and not with a longer one. */
  private def naive(session: Session, texts: Seq[String], all: Seq[String]): Double = {
    def ids(label: String): Seq[Int] =
      model.tokenizer().encode(label, Tokenizer.Place.CONTINUATION).toSeq
    def softmax(logits: Array[Float]): Array[Double] = {
      val most = logits.max
      val weights = logits.map(logit => math.exp(logit.toDouble - most))
      val all = weights.sum
      weights.map(_ / all)
    }
    val others = all.map(ids)
    texts.map { label =>
      val own = ids(label)
      val fork = session.fork()
      try {
        val likely = own.map { id =>
          val p = softmax(fork.logits())(id)
          fork.step(id)
          p
        }.product
        val longer = others.filter(other => other.startsWith(own) && other.size > own.size)
        val next = softmax(fork.logits())
        likely * (1 - longer.map(_(own.size)).distinct.map(id => next(id)).sum)
      } finally fork.close()
    }.sum
  }

  private val labelSets = Seq(
    Seq("amber falcon", "silver heron"),
    Seq("The", "The sample", "The sample size", "Kelmos"),
    Seq("a \"quoted\" label", "größe 😀", "no\nline", "x"),
    (1 to 70).map(i => s"cohort $i of many")
  )

  test("the label is the one that the model would most probably write, with its probability") {
    for (labels <- labelSets) {
      val question =
        labels.map(label => new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(label))
      val json = question.mkString("[", ",", "]")
      val both = labels ++ labels.map(" " + _)
      val expected = asked(Task.CLASSIFY, json) { session =>
        labels.map(label => naive(session, Seq(label, " " + label), both))
      }
      val answer = read(Task.CLASSIFY, Seq(json), "context" -> "full").head
      assert(answer.error() == null && answer.finishReason() == "stop")
      assert(answer.value() == labels(expected.indexOf(expected.max)))
      val found = answer.probabilities().asScala.toSeq
      assert(found.map(_._1) == labels)
      for ((p, wanted) <- found.map(_._2.doubleValue()).zip(expected.map(_ / expected.sum)))
        assert(math.abs(p - wanted) < 1e-3, labels.take(4))
      assert(math.abs(found.map(_._2.doubleValue()).sum - 1) < 1e-9)
    }
  }

  test("every context and decoding chooses a label, also one that remembers") {
    val contexts = Seq("full", "streaming", "lm-infinite", "reattention", "infinipot")
    for (context <- contexts; labels <- labelSets) {
      val json =
        labels.map(label => new com.fasterxml.jackson.databind.ObjectMapper().writeValueAsString(label))
      val answer = read(Task.CLASSIFY, Seq(json.mkString("[", ",", "]")), "context" -> context).head
      assert(labels.contains(answer.value()), s"$context: ${answer.error()}")
    }
    val plain = read(Task.CLASSIFY, Seq("""["amber falcon","x"]""")).head
    for (name <- guessing)
      assert(
        told(read(Task.CLASSIFY, Seq("""["amber falcon","x"]"""), decoding(name): _*).head) == told(plain)
      )
  }

  test("a label has evidence, and a document is left as it was by the labels that were tried") {
    val labels = """["amber falcon","silver heron"]"""
    val alone = read(Task.CLASSIFY, Seq(labels)).head
    assert(!alone.evidence().isEmpty && text.contains(alone.evidence().get(0).text()))
    val several = read(Task.CLASSIFY, Seq("""["x","y"]""", labels, """["x","y"]"""))
    assert(told(several(1)) == told(alone) && told(several.head) == told(several(2)))
  }

  test("a condition is true or false, with both probabilities") {
    for (condition <- Seq("It is about a cohort", "Is it about cooking?")) {
      val answer = read(Task.FILTER, Seq(condition)).head
      val probabilities = answer.probabilities().asScala.map { case (key, p) => key -> p.doubleValue() }
      assert(probabilities.keySet == Set("true", "false"))
      assert(answer.value() == probabilities.maxBy(_._2)._1)
    }
  }

  test("wrong labels are the error of their question alone") {
    val answers = read(Task.CLASSIFY, Seq("[]", """["x","y"]""", """[" "]""", "nonsense"))
    assert(answers.map(_.error() == null) == Seq(false, true, false, false))
    assert(answers.head.error().errorClass() == ErrorClass.INVALID_INPUT)
    assert(answers.head.error().message() == "Cannot classify: there is no label. Give at least one.")
    assert(answers.map(_.probabilities().isEmpty) == Seq(true, false, true, true))
    val wrong = extract("""{"type":"object"}""")
    assert(wrong.value() == null && wrong.error().message().contains("the schema has no properties"))
  }

  test("questions, labels, schemas and conditions share one reading, and answer as they do alone") {
    val asks = Seq(
      new Ask(Task.CLASSIFY, Seq("""["amber falcon","x"]""").asJava, Options.defaults()),
      new Ask(Task.ASK, Seq("What was the sample size of the Veldra cohort?").asJava, Options.defaults()),
      new Ask(Task.EXTRACT, Seq(schemas.head).asJava, Options.defaults()),
      new Ask(Task.FILTER, Seq("It is about a cohort").asJava, Options.defaults())
    )
    val before = LongformRuntime.stats().documents()
    val together = LongformRuntime.readTogether(text, asks.asJava, ReadListener.NONE).asScala.map(_.get(0))
    assert(LongformRuntime.stats().documents() == before + 1)
    val alone =
      asks.map(each => LongformRuntime.readTogether(text, Seq(each).asJava, ReadListener.NONE).get(0).get(0))
    assert(together.map(told) == alone.map(told))
    assert(together.forall(_.error() == null))
  }
}
