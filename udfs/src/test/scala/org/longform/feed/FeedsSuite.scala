package org.longform.feed

import java.util.Optional

import org.longform.kernels.context.{ContextStrategies, ModelLimits}
import org.longform.kernels.device.Devices
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.{Decoder, SessionOptions}
import org.longform.datasets.models.BundledModels
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Whole feeds of the bundled model's tokens, on every device. */
class FeedsSuite extends AnyFunSuite {
  private val prefix = Array(2046, 5, 6)
  private val suffix = Array(30, 31, 32, 33, 34)

  private def on[A](device: String)(body: Decoder => A): A = {
    val decoder = Decoder.load(
      BundledModels.localDirectory("longform-tiny"),
      Devices.choose(device).open(2)
    )
    try body(decoder)
    finally decoder.close()
  }

  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(_.name()).toSeq

  private def document(tokens: Int): Array[Int] = {
    val random = new Random(17)
    Array.fill(tokens)(100 + random.nextInt(1500))
  }

  private def open(
      name: String,
      decoder: Decoder,
      tokens: Int,
      values: Map[String, String] = Map.empty,
      context: String = "full"
  ): Feed = {
    val strategy = ReadingStrategies.byName(name)
    strategy.open(
      ReadingStrategies.values(strategy, values.asJava, decoder.limits()),
      new FeedRequest(
        decoder,
        () => ContextStrategies.create(context, java.util.Map.of(), decoder.limits()),
        SessionOptions.DEFAULT,
        prefix,
        suffix,
        tokens.toLong,
        Optional.empty(),
        (session, ids, from, count) => session.feed(ids, from, count)
      )
    )
  }

  /** Every token is a word of one letter; each tenth ends a sentence. */
  private def text(tokens: Int): String =
    (0 until tokens).map(i => if (i % 10 == 9) "." else "abcdefghijkl".substring(i % 10, i % 10 + 1)).mkString

  private def fill(feed: Feed, ids: Array[Int], piece: Int = 512): Unit = {
    val all = text(ids.length)
    for (from <- ids.indices by piece) {
      val to = math.min(ids.length, from + piece)
      feed.take(
        new DocumentPiece(ids.slice(from, to), (from until to).map(_.toLong).toArray, all.substring(from, to))
      )
    }
    feed.finish()
  }

  private def close(a: Array[Float], b: Array[Float]): Boolean = {
    val largest = b.map(math.abs).max
    a.zip(b).forall { case (x, y) => math.abs(x - y) <= 2e-4 * largest }
  }

  /** Scores of the answer's first token. */
  private def logits(name: String, feed: Feed): Array[Float] = {
    if (!ReadingStrategies.byName(name).asksItself()) feed.session().ask(suffix)
    feed.session().logits()
  }

  private def plain(decoder: Decoder, ids: Array[Int]): Array[Float] = {
    val feed = open("sequential", decoder, ids.length)
    try {
      fill(feed, ids)
      logits("sequential", feed)
    } finally feed.close()
  }

  for (device <- devices)
    test(s"a document that fits is read by every strategy as full attention reads it, on $device") {
      on(device) { decoder =>
        val ids = document(120)
        val expected = plain(decoder, ids)
        for (name <- Seq("homer", "infini-retri")) {
          val feed = open(name, decoder, ids.length, retainingAll(name))
          try {
            fill(feed, ids, 50)
            assert(close(logits(name, feed), expected), name)
            assert(feed.session().length() == prefix.length + ids.length + suffix.length)
            assert((0 until 200).map(row => feed.documentToken(row.toLong)).filter(_ >= 0) == (0 until 120))
          } finally feed.close()
        }
      }
    }

  private def retainingAll(name: String): Map[String, String] =
    if (name == "homer") Map.empty
    else Map("focus-tokens" -> "1000", "retained-tokens" -> "1000", "window-length" -> "200")

  for (device <- devices)
    test(s"HOMER ends with the target's tokens in every layer, within the chunk's positions, on $device") {
      on(device) { decoder =>
        val tokens = if (device == "reference") 300 else 3000
        val ids = document(tokens)
        val feed = open("homer", decoder, tokens, Map("max-chunk-length" -> "64", "target-length" -> "50"))
        try {
          fill(feed, ids, 100)
          val session = feed.session()
          assert(session.length() == 50)
          val kept = (0 until 50).map(row => feed.documentToken(row.toLong))
          assert(kept.take(3).forall(_ < 0) && kept.takeRight(5).forall(_ < 0))
          val inDocument = kept.slice(3, 45)
          assert(inDocument == inDocument.sorted && inDocument.distinct.size == 42)
          assert(inDocument.head >= 0 && inDocument.last < tokens)
          val height = Integer.numberOfTrailingZeros(Integer.highestOneBit((tokens + 55) / 56 - 1) << 1)
          assert(feed.asInstanceOf[HomerFeed].mostAlive() == height + 1)
          assert(feed.stats().attendedTokens() > tokens && feed.stats().peakKvBytes() > 0)
          session.step(40)
          assert(session.logits().forall(x => !x.isNaN && !x.isInfinite))
        } finally feed.close()
      }
    }

  test("HOMER's memory grows with the height of the tree alone") {
    on("auto") { decoder =>
      def peak(tokens: Int): Long = {
        val feed = open("homer", decoder, tokens)
        try {
          fill(feed, document(tokens))
          feed.stats().peakKvBytes()
        } finally feed.close()
      }
      val (short, long) = (peak(1000), peak(16000))
      assert(long <= short * 9 / 4, s"$short, $long")
    }
  }

  test("the cuts of the stream change nothing") {
    on("auto") { decoder =>
      for (name <- Seq("homer", "infini-retri")) {
        def read(piece: Int): (Seq[Float], Seq[Long]) = {
          val feed = open(name, decoder, 1500, context = "reattention")
          try {
            fill(feed, document(1500), piece)
            (logits(name, feed).toSeq, (0 until 400).map(row => feed.documentToken(row.toLong)))
          } finally feed.close()
        }
        assert(read(512) == read(77), name)
      }
    }
  }

  test("InfiniRetri carries whole sentences within its limit, and reads in bounded memory") {
    on("auto") { decoder =>
      def read(tokens: Int): (Seq[Sentence], Long) = {
        val feed = open("infini-retri", decoder, tokens)
        try {
          fill(feed, document(tokens))
          feed.session().ask(suffix)
          assert(
            feed.session().length() == prefix.length + suffix.length +
              feed.asInstanceOf[InfiniRetriFeed].retained().asScala.map(_.length()).sum
          )
          (feed.asInstanceOf[InfiniRetriFeed].retained().asScala.toSeq, feed.stats().peakKvBytes())
        } finally feed.close()
      }
      val (sentences, peak) = read(5000)
      assert(sentences.nonEmpty && sentences.map(_.length()).sum <= 192)
      assert(sentences.map(_.first()) == sentences.map(_.first()).sorted)
      // the last one of a window may be cut, here none is
      assert(sentences.forall(each => each.first() % 10 == 0 && each.length() == 10))
      val ids = document(5000)
      assert(
        sentences.forall(each =>
          each.ids().toSeq == ids.slice(each.first().toInt, each.first().toInt + 10).toSeq
        )
      )
      assert(read(20000)._2 <= peak * 5 / 4)
    }
  }

  test("InfiniRetri asks the layer that it is told to ask") {
    on("auto") { decoder =>
      def chosen(layer: Option[Int]): Seq[Long] = {
        val feed = open("infini-retri", decoder, 1000, layer.map("attention-layer" -> _.toString).toMap)
        try {
          fill(feed, document(1000))
          feed.asInstanceOf[InfiniRetriFeed].retained().asScala.map(_.first()).toSeq
        } finally feed.close()
      }
      assert(chosen(None) == chosen(Some(3)))
      assert((0 to 3).map(layer => chosen(Some(layer))).distinct.size == 4)
    }
  }

  test("a text without sentences is cut into windows") {
    on("auto") { decoder =>
      val feed =
        open("infini-retri", decoder, 1000, Map("window-length" -> "100", "retained-tokens" -> "250"))
      try {
        val ids = document(1000)
        feed.take(new DocumentPiece(ids, Array.tabulate(1000)(_.toLong), "x" * 1000))
        feed.finish()
        val sentences = feed.asInstanceOf[InfiniRetriFeed].retained().asScala
        assert(
          sentences.nonEmpty && sentences.forall(each => each.length() == 100 && each.first() % 100 == 0)
        )
      } finally feed.close()
    }
  }

  test("a document that changes between counting and reading is an error") {
    on("auto") { decoder =>
      for (counted <- Seq(999, 1001)) {
        val feed = open("homer", decoder, counted)
        try {
          val error = intercept[LongformException](fill(feed, document(1000)))
          assert(error.errorClass() == ErrorClass.INVALID_INPUT)
          assert(error.getMessage.startsWith(s"Cannot read the document: it has not the $counted tokens"))
        } finally feed.close()
      }
    }
  }

  test("parameters that do not fit the model or the question are refused") {
    val limits = new ModelLimits(512, 4)
    def refusal(values: (String, String)*): String = {
      val homer = ReadingStrategies.byName("homer")
      val error = intercept[LongformException](ReadingStrategies.values(homer, values.toMap.asJava, limits))
      assert(error.errorClass() == ErrorClass.INVALID_OPTION)
      error.getMessage
    }
    assert(
      refusal("warmup-layers" -> "4") ==
        "Cannot use reading 'homer': warmup-layers 4 leave none of the model's 4 layers for merging. Lower it."
    )
    assert(
      refusal("max-chunk-length" -> "513") ==
        "Cannot use reading 'homer': max-chunk-length 513 exceeds the 512 tokens the model was trained on. Lower it."
    )
    val layer = intercept[LongformException](
      ReadingStrategies.values(
        ReadingStrategies.byName("infini-retri"),
        Map("attention-layer" -> "4").asJava,
        limits
      )
    )
    assert(
      layer.getMessage ==
        "Cannot use reading 'infini-retri': attention-layer 4 is none of the model's layers 0 to 3. Lower it or leave it out."
    )
    on("auto") { decoder =>
      val tight = intercept[LongformException](open("homer", decoder, 10, Map("max-chunk-length" -> "9")))
      assert(
        tight.getMessage ==
          "Cannot use reading 'homer': prompt and question have 8 tokens, which leaves no room for a document in " +
          "max-chunk-length 9. Ask a shorter question or raise it."
      )
    }
    val unknown = intercept[LongformException](ReadingStrategies.byName("homr"))
    assert(
      unknown.getMessage == "Cannot use reading 'homr': it is unknown (known: sequential, homer, infini-retri)."
    )
  }

  test("the defaults are the published ones, and less for small models") {
    def value(name: String, parameter: String, limits: ModelLimits): Any = {
      val strategy = ReadingStrategies.byName(name)
      ReadingStrategies.values(strategy, java.util.Map.of(), limits).asMap().get(parameter)
    }
    val llama = new ModelLimits(4096, 32)
    val tiny = new ModelLimits(512, 4)
    for (
      (name, parameter, large, small) <- Seq(
        ("homer", "max-chunk-length", 2048L, 256L),
        ("homer", "target-length", 0L, 0L),
        ("homer", "max-initial-chunk-length", 0L, 0L),
        ("homer", "warmup-layers", 12L, 1L),
        ("infini-retri", "window-length", 1024L, 256L),
        ("infini-retri", "focus-tokens", 300L, 75L),
        ("infini-retri", "phrase-length", 8L, 8L),
        ("infini-retri", "retained-tokens", 1024L, 192L),
        ("infini-retri", "attention-layer", 31L, 3L),
        ("infini-retri", "question-weights", "self-attention", "self-attention")
      )
    ) {
      assert(value(name, parameter, llama) == large, parameter)
      assert(value(name, parameter, tiny) == small, parameter)
    }
  }
}
