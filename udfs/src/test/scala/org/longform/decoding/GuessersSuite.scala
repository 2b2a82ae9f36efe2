package org.longform.decoding

import scala.collection.JavaConverters._

import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Memory
import org.scalatest.funsuite.AnyFunSuite

/** What each strategy guesses, on models whose answers are known. */
class GuessersSuite extends AnyFunSuite {
  private val kernels = Devices.choose("auto").open(2)

  private def lookahead(level: Int, window: Int, guesses: Int): Map[String, String] =
    Map(
      "lookahead-level" -> level.toString,
      "lookahead-window" -> window.toString,
      "lookahead-guesses" -> guesses.toString
    )

  test("on a text with a period lookahead takes all guessed tokens of nearly every step") {
    val period = 9
    val model = TinyDecoder.cycle(kernels, period)
    try
      for ((n, w, g) <- Seq((3, 2, 2), (5, 4, 4), (4, 6, 3))) {
        val written = new Answers(model, "lookahead", lookahead(n, w, g))
          .write(Seq(0, 1, 2, 3, 4), 200, Answers.greedy)
          .head
        assert(written.tokens == (5 until 205).map(_ % period))
        // at least the N - 1 tokens of a guess, once the pool has seen the period
        assert(written.steps.size <= 200 / (n - 1) + 2 * period + n, s"$n $w $g: ${written.steps.size} steps")
        assert(written.steps.max <= 1 + (w - 1) + w * (n - 2) + g * (n - 1))
      }
    finally model.close()
  }

  test("while the window fills, a step has its levels and no guesses; then all of them") {
    val model = TinyDecoder.random(kernels, 40, 32, 4)
    try {
      val (n, w, g) = (5, 3, 2)
      val written = new Answers(model, "lookahead", lookahead(n, w, g))
        .write((0 until 30).map(_ % 40), 60, Answers.greedy)
        .head
      // row 0 and level 0, then a level more with each step, all of them one column shorter
      val filling = (0 until n - 2).map(f => (w + n - 2 - f) * (f + 1) + (if (f == 0) 0 else 0))
      assert(written.steps.take(n - 2) == filling)
      val window = 1 + (w - 1) + w * (n - 2)
      assert(written.steps.drop(n - 2).forall(rows => rows >= window && rows <= window + g * (n - 1)))
      assert(written.steps.drop(n - 2).exists(_ > window))
    } finally model.close()
  }

  test("prompt lookup copies what went on before, as far as it is right") {
    val model = TinyDecoder.cycle(kernels, 12)
    try {
      val prompt = (0 to 30).map(_ % 12)
      val written = new Answers(model, "prompt-lookup", Map("lookup-tokens" -> "7"))
        .write(prompt, 64, Answers.greedy)
        .head
      assert(written.tokens == (31 until 95).map(_ % 12))
      // the first token comes from the prompt, all others eight at a time
      assert(written.steps.size == 8 && written.steps.head == 8)
    } finally model.close()
  }

  test("prompt lookup takes the first of the longest matches, and guesses nothing where there is none") {
    def guess(prompt: Seq[Int], chosen: Int, ngram: Int, tokens: Int, room: Int = 100): Seq[Int] = {
      val strategy = DecodingStrategies.byName("prompt-lookup")
      val parameters = Map("lookup-ngram" -> ngram.toString, "lookup-tokens" -> tokens.toString)
      val model = TinyDecoder.cycle(kernels, 10)
      try {
        val values = DecodingStrategies.values(strategy, parameters.asJava, model.limits())
        val decoding = strategy.open(
          new DecodingSetup(
            values,
            model,
            java.util.Set.of(),
            null,
            org.longform.kernels.model.SessionOptions.DEFAULT
          )
        )
        decoding.known(prompt.toArray, 0, prompt.size)
        val tree = decoding.guesser().guess(chosen, room, Answers.greedy)
        (1 until tree.size()).map(tree.token)
      } finally model.close()
    }
    assert(guess(Seq(1, 2, 3, 4, 9, 2, 3, 7, 2), 3, ngram = 3, tokens = 2) == Seq(4, 9))
    assert(guess(Seq(1, 2, 3, 4, 9, 2, 3, 7, 9, 2), 3, ngram = 3, tokens = 2) == Seq(7, 9))
    assert(guess(Seq(1, 2, 3, 4, 9, 2, 3, 7, 9, 2), 3, ngram = 1, tokens = 2) == Seq(4, 9))
    assert(guess(Seq(1, 2, 3, 4), 5, ngram = 3, tokens = 4).isEmpty)
    assert(guess(Seq(), 5, ngram = 3, tokens = 4).isEmpty)
    assert(guess(Seq(5, 5, 5), 5, ngram = 2, tokens = 9) == Seq(5, 5))
    assert(guess(Seq(1, 2, 3, 4, 1, 2), 3, ngram = 3, tokens = 9, room = 3) == Seq(4, 1))
    assert(guess(Seq(1, 2, 3, 4, 1, 2), 3, ngram = 3, tokens = 9, room = 1).isEmpty)
  }

  test("a draft model that is the model itself is right in everything") {
    val model = TinyDecoder.random(kernels, 30, 32, 6)
    try {
      val by = new Answers(model, "draft-model", Map("draft-tokens" -> "3"), further = Some(model))
      by.write(Seq(4, 5, 6, 7), 9, Answers.greedy)
      val before = Memory.allocatedBytes()
      val written = by.write(Seq(4, 5, 6, 7), 41, Answers.greedy).head
      assert(written.steps == Seq.fill(10)(4))
      assert(Memory.allocatedBytes() == before)
      // with a temperature, too: what it draws is always accepted
      val drawn = by.write(Seq(4, 5, 6, 7), 41, Answers.sampler(1, 3)).head
      assert(drawn.steps == Seq.fill(10)(4))
    } finally model.close()
  }

  test("a pool keeps the newest n-grams of a token, and the order in which they came") {
    val pool = new NgramPool(2)
    pool.add(1, Array(2, 3))
    pool.add(1, Array(4, 5))
    pool.add(1, Array(2, 3))
    assert(pool.after(1).asScala.map(_.toSeq) == Seq(Seq(4, 5), Seq(2, 3)))
    pool.add(1, Array(6, 7))
    assert(pool.after(1).asScala.map(_.toSeq) == Seq(Seq(2, 3), Seq(6, 7)))
    assert(pool.after(9).isEmpty)
    val none = new NgramPool(0)
    none.add(1, Array(2))
    assert(none.after(1).isEmpty)
  }

  test("a history is shared with forks, and what is written later is each one's own") {
    val history = new TokenHistory
    history.add((0 until 100).toArray, 10, 80)
    val (a, b) = (history.fork(), history.fork())
    history.add(1)
    a.add(2)
    b.add(3)
    val deeper = a.fork()
    deeper.add(4)
    a.add(5)
    def all(h: TokenHistory) = (0 until h.size()).map(h.get)
    assert(all(history) == (10 until 90) :+ 1)
    assert(all(a) == (10 until 90) ++ Seq(2, 5))
    assert(all(b) == (10 until 90) :+ 3)
    assert(all(deeper) == (10 until 90) ++ Seq(2, 4))
  }

  test("steps of too many rows are refused") {
    val model = TinyDecoder.cycle(kernels, 10)
    try
      for (
        (name, parameters, wanted) <- Seq(
          (
            "lookahead",
            lookahead(1000, 1000, 1000),
            "level 1000, window 1000 and guesses 1000 make steps of more than 1024 rows"
          ),
          (
            "prompt-lookup",
            Map("lookup-tokens" -> "1024"),
            "lookup-tokens 1024 makes steps of more than 1024 rows"
          ),
          (
            "draft-model",
            Map("draft-tokens" -> "2000"),
            "draft-tokens 2000 makes steps of more than 1024 rows"
          )
        )
      ) {
        val error = intercept[LongformException](
          new Answers(model, name, parameters, further = Some(model))
            .write(Seq(1, 2, 3, 4), 5, Answers.greedy)
        )
        assert(error.errorClass() == ErrorClass.INVALID_OPTION)
        assert(error.getMessage.contains(wanted))
      }
    finally model.close()
  }
}
