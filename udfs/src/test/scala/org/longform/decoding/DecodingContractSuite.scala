package org.longform.decoding

import scala.collection.JavaConverters._
import scala.util.Random

import org.longform.kernels.attention.AttentionPlan
import org.longform.kernels.context.{ContextStrategies, ContextStrategy, ModelLimits, Parameter, PlanRequest}
import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.Decoder
import org.scalatest.funsuite.AnyFunSuite

/** What every decoding strategy owes, for all that are listed. */
class DecodingContractSuite extends AnyFunSuite {
  private val Vocabulary = 24
  private val limits = new ModelLimits(64, 2)

  /** What lets a context do without what a model would have to learn. */
  private val untrained = Map("clex" -> Map("frequencies" -> "ntk"))
  private def contextParameters(name: String): Map[String, String] =
    untrained.getOrElse(name, Map.empty[String, String])

  private val contexts =
    ContextStrategies.ALL.asScala
      .map(_.name())
      .filter(name => ContextStrategies.create(name, contextParameters(name).asJava, limits).mayBranch())
      .toSeq

  private def prompt(seed: Long, size: Int): Seq[Int] = {
    val random = new Random(seed)
    // some of it comes again
    val words = Seq.fill(6)(Seq.fill(4)(random.nextInt(Vocabulary)))
    Seq.fill(size)(words(random.nextInt(6))).flatten.take(size)
  }

  private def answers(
      writer: Decoder,
      small: Decoder,
      strategy: DecodingStrategy,
      context: String,
      parameters: Map[String, String] = Map.empty
  ): Answers =
    new Answers(writer, strategy.name(), parameters, context, contextParameters(context), Some(small))

  private val guessing = DecodingStrategies.ALL.asScala.filter(_.guesses()).toSeq

  private def sizes(strategy: DecodingStrategy): Seq[Map[String, String]] = strategy.name() match {
    case "lookahead" =>
      for (
        (n, w, g) <- Seq((2, 1, 1), (2, 4, 3), (3, 2, 2), (3, 1, 0), (4, 3, 5), (5, 7, 7));
        pool <- Seq("generated", "prompt")
      )
        yield Map(
          "lookahead-level" -> n.toString,
          "lookahead-window" -> w.toString,
          "lookahead-guesses" -> g.toString,
          "lookahead-pool" -> pool
        )
    case "prompt-lookup" =>
      for (n <- Seq(1, 3); k <- Seq(1, 4, 10))
        yield Map("lookup-ngram" -> n.toString, "lookup-tokens" -> k.toString)
    case "draft-model" => Seq(1, 2, 4, 9).map(k => Map("draft-tokens" -> k.toString))
  }

  test("every strategy has a name of its own and documents itself and its parameters") {
    val word = "[a-z]+(-[a-z]+)*"
    val all = DecodingStrategies.ALL.asScala
    assert(all.map(_.name()).distinct.size == all.size && all.head.name() == "plain")
    for (strategy <- all) {
      assert(strategy.name().matches(word))
      val texts = Seq(strategy.description(), strategy.whenToUse(), strategy.cost(), strategy.notCopied())
      assert(texts.forall(_.endsWith(".")) && strategy.source().nonEmpty, strategy.name())
      for (parameter <- strategy.parameters().asScala) {
        assert(parameter.name().matches(word) && parameter.doc().endsWith("."))
        val default = parameter.defaultValue().apply(limits).toString
        assert(!parameter.refusal(default).isPresent, parameter.name())
      }
      val names = strategy.parameters().asScala.map(_.name())
      assert(strategy.models().asScala.forall(names.contains))
    }
  }

  test("wrong values and unknown names are refused with a sentence") {
    def refusal(body: => Any): String = {
      val error = intercept[LongformException](body)
      assert(error.errorClass() == ErrorClass.INVALID_OPTION)
      error.getMessage
    }
    for (strategy <- DecodingStrategies.ALL.asScala; parameter <- strategy.parameters().asScala) {
      val wrong = parameter.`type`() match {
        case Parameter.Type.INTEGER => Seq((parameter.minimum() - 1).toString, "many")
        case Parameter.Type.CHOICE  => Seq("nonsense")
        case _                      => Nil
      }
      for (value <- wrong)
        assert(
          refusal(DecodingStrategies.values(strategy, Map(parameter.name() -> value).asJava, limits))
            .startsWith(s"Cannot use '${parameter.name()}' of decoding '${strategy.name()}': ")
        )
    }
    assert(
      refusal(DecodingStrategies.byName("magic"))
        .startsWith("Cannot use decoding 'magic': it is unknown (known: plain, ")
    )
    val plain = DecodingStrategies.byName("plain")
    assert(
      refusal(DecodingStrategies.values(plain, Map("colour" -> "red").asJava, limits)) ==
        "Cannot use 'colour' with decoding 'plain': it has no such parameter (known: none). Remove it or choose another decoding."
    )
    val draft = DecodingStrategies.byName("draft-model")
    assert(
      refusal(DecodingStrategies.requireModel(draft, "draft-model", java.util.Map.of())) ==
        "Cannot use decoding 'draft-model': option 'draft_model' is missing. Give it, or choose decoding 'plain'."
    )
  }

  test("a context that remembers what it planned is refused to whoever guesses, and to nobody else") {
    val remembering = new ContextStrategy {
      override def nextChunk(read: Long, promptTokens: Long): Int = 1
      override def questionChunk(): Int = 1
      override def plan(request: PlanRequest): AttentionPlan = throw new AssertionError()
    }
    for (strategy <- DecodingStrategies.ALL.asScala)
      if (strategy.guesses()) {
        val error = intercept[LongformException](
          DecodingStrategies.requireFits(strategy, "sir", remembering)
        )
        assert(error.errorClass() == ErrorClass.INVALID_OPTION)
        assert(
          error.getMessage.startsWith(
            s"Cannot use decoding '${strategy.name()}' with context 'sir': this context remembers"
          )
        )
      } else DecodingStrategies.requireFits(strategy, "sir", remembering)
  }

  for (provider <- Devices.ALL.asScala if !provider.whyUnavailable().isPresent; strategy <- guessing)
    test(
      s"on ${provider.name()} ${strategy.name()} writes the tokens of plain decoding under every context"
    ) {
      val kernels = provider.open(2)
      val writer = TinyDecoder.random(kernels, Vocabulary, 32, 1)
      // one that is mostly right, and one that is mostly wrong
      val smalls =
        if (strategy.models().isEmpty) Seq(writer)
        else Seq(writer, TinyDecoder.random(kernels, Vocabulary, 16, 2, layers = 1))
      try
        for (context <- contexts; size <- Seq(5, 150)) {
          val plain =
            new Answers(writer, "plain", context = context, contextParameters = contextParameters(context))
              .write(prompt(3, size), 40, Answers.greedy)
              .head
          assert(plain.steps.forall(_ == 1) && plain.steps.size == 39)
          val varied = if (provider.name() == "cpu") sizes(strategy) else sizes(strategy).take(3)
          for (parameters <- varied; small <- smalls) {
            val written =
              answers(writer, small, strategy, context, parameters)
                .write(prompt(3, size), 40, Answers.greedy)
                .head
            assert(written.tokens == plain.tokens, s"$context, $parameters")
            assert(written.steps.size <= plain.steps.size)
          }
        }
      finally smalls.foreach(_.close())
    }

  for (name <- Seq("lookahead", "prompt-lookup"))
    test(s"with a temperature, penalties and an end $name draws the tokens that plain decoding draws") {
      val kernels = Devices.choose("auto").open(2)
      val writer = TinyDecoder.random(kernels, Vocabulary, 32, 5)
      try {
        def choosers = (1L to 30L).map(seed => Answers.sampler(1.3, seed, topK = 9, penalty = 1.2))
        val parameters =
          if (name == "lookahead") Map("lookahead-pool" -> "prompt", "lookahead-guesses" -> "6")
          else Map.empty[String, String]
        val plain = new Answers(writer, "plain", endTokens = Set(7)).write(prompt(8, 60), 30, choosers: _*)
        val guessed =
          new Answers(writer, name, parameters, endTokens = Set(7)).write(prompt(8, 60), 30, choosers: _*)
        assert(guessed.map(_.tokens) == plain.map(_.tokens))
        assert(plain.map(_.tokens.size).distinct.size > 2)
        assert(
          guessed.map(_.steps.size).sum < plain.map(_.steps.size).sum,
          "no guess was right: this proves nothing"
        )
      } finally writer.close()
    }

  for (strategy <- guessing)
    test(s"what ${strategy.name()} writes with a temperature has the distribution of the model") {
      val kernels = Devices.choose("auto").open(2)
      val (writer, small) = (TinyDecoder.random(kernels, 6, 32, 11), TinyDecoder.random(kernels, 6, 16, 12))
      try {
        val start = Seq(1, 2, 3, 1, 2, 4, 1, 2)
        val draws = 4000
        val by = new Answers(writer, strategy.name(), Map.empty, "full", Map.empty, Some(small))
        val written = by.write(start, 4, (1 to draws).map(seed => Answers.sampler(1.1, seed.toLong)): _*)
        assert(written.exists(_.steps.size < 3), "no guess was right: this proves nothing")
        assert(written.exists(_.steps.size == 3), "no guess was wrong: this proves nothing")
        val expected = distribution(writer, start, 3, 1.1)
        assert(math.abs(expected.values.sum - 1) < 1e-6)
        for (length <- 1 to 3) {
          val found = written.groupBy(_.tokens.take(length)).map { case (key, all) => key -> all.size }
          val wanted =
            expected.groupBy(_._1.take(length)).map { case (key, all) => key -> all.values.sum * draws }
          // cells that are too small count together
          val (large, rest) = wanted.toSeq.partition(_._2 >= 5)
          val cells = large.map { case (tokens, e) =>
            (found.getOrElse(tokens, 0).toDouble, e)
          } :+
            ((rest.map(cell => found.getOrElse(cell._1, 0)).sum.toDouble, rest.map(_._2).sum))
          val chiSquare = cells.filter(_._2 >= 1).map { case (o, e) => (o - e) * (o - e) / e }.sum
          val freedom = cells.count(_._2 >= 1) - 1.0
          // beyond four standard deviations of the statistic
          assert(
            chiSquare < freedom + 4 * math.sqrt(2 * freedom) + 4,
            s"$length tokens: $chiSquare of $freedom"
          )
        }
      } finally Seq(writer, small).foreach(_.close())
    }

  /** The probability of each beginning of an answer, by the model's own logits. */
  private def distribution(
      decoder: Decoder,
      start: Seq[Int],
      length: Int,
      temperature: Double
  ): Map[Seq[Int], Double] = {
    val session = decoder.open(ContextStrategies.create("full", java.util.Map.of(), decoder.limits()))
    try {
      session.ask(start.toArray)
      def go(from: org.longform.kernels.model.Session, left: Int): Map[Seq[Int], Double] =
        if (left == 0) Map(Seq.empty[Int] -> 1.0)
        else {
          val weights = from.logits().map(logit => math.exp(logit / temperature))
          weights.indices.flatMap { id =>
            val fork = from.fork()
            try {
              if (left > 1) fork.step(id)
              val rest = if (left > 1) go(fork, left - 1) else Map(Seq.empty[Int] -> 1.0)
              rest.map { case (tokens, p) => (id +: tokens) -> p * weights(id) / weights.sum }
            } finally fork.close()
          }.toMap
        }
      go(session, length)
    } finally session.close()
  }
}
