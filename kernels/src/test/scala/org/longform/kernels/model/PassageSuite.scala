package org.longform.kernels.model

import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.attention.{ProbabilityTap, QueryRange}
import org.longform.kernels.cache.{KvDType, KvMemory}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Tokens that go through the layers in ranges, are left out and joined: HOMER's parts, and its whole. */
class PassageSuite extends AnyFunSuite {
  private val Head = 3
  private val Tail = 4
  private val prefix = Seq(7, 8, 9)
  private val suffix = Seq(40, 41, 42, 43)

  private val devices: Seq[DeviceProvider] =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).toSeq

  private def on[A](provider: DeviceProvider, model: TinyModel)(body: Decoder => A): A = TempDirectory.use {
    directory =>
      val decoder = Decoder.load(model.write(directory), provider.open(2))
      try body(decoder)
      finally decoder.close()
  }

  /** A chunk of the document with what surrounds it; what follows stands at `suffixAt`. */
  private def chunk(document: Seq[Int], first: Long, suffixAt: Int): Seq[(Int, Double, Long)] =
    prefix.zipWithIndex.map { case (id, i) => (id, i.toDouble, -1L) } ++
      document.zipWithIndex.map { case (id, i) => (id, (Head + i).toDouble, first + i) } ++
      suffix.zipWithIndex.map { case (id, i) => (id, (suffixAt + i).toDouble, -1L) }

  private def passage(
      decoder: Decoder,
      tokens: Seq[(Int, Double, Long)],
      options: SessionOptions = SessionOptions.DEFAULT
  ): Passage = decoder.passage(
    tokens.map { case (id, at, origin) => new Passage.Token(id, at, origin) }.asJava,
    options
  )

  private def all(significance: Array[Double]): Array[Int] = significance.indices.toArray

  private def best(count: Int)(significance: Seq[Double]): Seq[Int] = {
    val end = significance.size - Tail
    val chosen = (Head until end).sortBy(i => (-significance(i), i)).take(count).toSet
    significance.indices.filter(i => i < Head || i >= end || chosen(i))
  }

  private def compare(found: Passage, expected: NaivePassage, tolerance: Double): Unit = {
    assert(found.tokens().asScala.map(t => (t.id(), t.position(), t.origin())) == expected.ids)
    assert(found.layers() == expected.layersRun)
    assert(difference(found.hidden(), expected.stream.flatten.toArray) < tolerance)
    val model = expected.model
    for (layer <- 0 until found.layers(); g <- 0 until model.kvHeads; row <- expected.ids.indices) {
      val key = new Array[Float](model.headDim)
      found.view(layer).readKey(g, row.toLong, key)
      val turned = NaivePassage.rotate(key.map(_.toDouble), expected.ids(row)._2)
      val own = g * model.headDim until (g + 1) * model.headDim
      assert(
        difference(turned.map(_.toFloat), own.map(expected.keys(layer)(row)(_)).toArray) < tolerance,
        s"key $row of layer $layer"
      )
      val value = new Array[Float](model.headDim)
      found.view(layer).readValue(g, row.toLong, value)
      assert(difference(value, own.map(expected.values(layer)(row)(_)).toArray) < tolerance)
    }
  }

  private val model = TinyModel(layers = 4, window = 64, seed = 31)
  private val document = tokens(40, model.vocabulary, 31).toSeq

  for (provider <- devices; kvHeads <- Seq(1, 2, 4))
    test(
      s"four chunks merged on ${provider.name()} with $kvHeads key/value heads equal the naive tree, and its answer"
    ) {
      val shaped = model.copy(kvHeads = kvHeads)
      on(provider, shaped) { decoder =>
        val chunks = (0 until 4).map(i => chunk(document.slice(10 * i, 10 * i + 10), 10L * i, Head + 10))
        // leaves run layers 0 and 1, the middle layer 2, the root layer 3
        def node(i: Int): (Passage, NaivePassage) = {
          val found = passage(decoder, chunks(i))
          found.run(2, significance => best(4)(significance.toSeq).toArray)
          val right = NaivePassage.begin(shaped, chunks(i)).run(2)(best(4))
          compare(found, right, 1e-4)
          assert(found.length() == Head + 4 + Tail)
          (found, right)
        }
        def merge(a: (Passage, NaivePassage), b: (Passage, NaivePassage), to: Int, kept: Int) = {
          val found = Passage.join(a._1, b._1, Head, Tail)
          compare(found, NaivePassage.join(a._2, b._2, Head, Tail), 1e-4)
          a._1.close()
          b._1.close()
          found.run(to, significance => best(kept)(significance.toSeq).toArray)
          val right = NaivePassage.join(a._2, b._2, Head, Tail).run(to)(best(kept))
          compare(found, right, 1e-4)
          (found, right)
        }
        val left = merge(node(0), node(1), 3, 5)
        val (root, expected) = merge(left, merge(node(2), node(3), 3, 5), 4, 7)
        assert(root.length() == Head + 7 + Tail)
        val session = root.session()
        try {
          assert(session.length() == Head + 7 + Tail)
          assert(difference(session.logits(), expected.logits) < 1e-4)
          var right = expected
          for (id <- Seq(5, 17, 3)) {
            session.step(id)
            right = right.step(id)
            assert(difference(session.logits(), right.logits) < 1e-4)
          }
          val fork = session.fork()
          try {
            fork.ask(Array(1, 2, 30))
            Seq(1, 2, 30).foreach(id => right = right.step(id))
            assert(difference(fork.logits(), right.logits) < 1e-4)
          } finally fork.close()
        } finally session.close()
      }
    }

  for (provider <- devices)
    test(
      s"one passage that keeps everything is full attention on ${provider.name()}, however its layers are cut"
    ) {
      on(provider, model) { decoder =>
        val ids = prefix ++ document ++ suffix
        def logits(ranges: Int*): Seq[List[Float]] = {
          val whole = passage(decoder, ids.zipWithIndex.map { case (id, i) => (id, i.toDouble, i.toLong) })
          ranges.foreach(to => whole.run(to, all(_)))
          val session = whole.session()
          try
            Seq(4, 5).map { id =>
              val now = session.logits().toList
              session.step(id)
              now
            }
          finally session.close()
        }
        val expected = withSession(decoder, full(decoder, 64)) { session =>
          session.feed(ids.toArray, 0, ids.size)
          session.flush()
          Seq(4, 5).map { id =>
            val now = session.logits().toList
            session.step(id)
            now
          }
        }
        for (ranges <- Seq(Seq(4), Seq(1, 2, 3, 4), Seq(3, 3, 4)))
          logits(ranges: _*).zip(expected).foreach { case (a, b) =>
            assert(difference(a.toArray, b.map(_.toDouble).toArray) < 1e-4)
          }
      }
    }

  test("joining two copies of a chunk leaves what surrounds it as it was, to the bit") {
    withDecoder(model) { decoder =>
      def part(): Passage = {
        val made = passage(decoder, chunk(document.take(10), 0, Head + 10))
        made.run(2, all(_))
        made
      }
      val (left, right) = (part(), part())
      val joined = Passage.join(left, right, Head, Tail)
      joined.run(2, all(_))
      val width = model.hidden
      assert(joined.hidden().take(Head * width).toSeq == left.hidden().take(Head * width).toSeq)
      assert(joined.hidden().takeRight(Tail * width).toSeq == left.hidden().takeRight(Tail * width).toSeq)
      for (layer <- 0 until 2; g <- 0 until model.kvHeads; i <- 0 until Head + Tail) {
        val (a, b) = (new Array[Float](model.headDim), new Array[Float](model.headDim))
        val row = if (i < Head) i else left.length() - Head - Tail + i
        left.view(layer).readKey(g, row.toLong, a)
        joined.view(layer).readKey(g, (if (i < Head) i else joined.length() - Head - Tail + i).toLong, b)
        assert(a.toSeq == b.toSeq)
      }
      Seq(left, right, joined).foreach(_.close())
    }
  }

  test("what is left out without a layer goes by what it meant in the last one") {
    withDecoder(model) { decoder =>
      val found = passage(decoder, chunk(document.take(12), 0, Head + 12))
      found.run(1, all(_))
      found.run(1, significance => best(5)(significance.toSeq).toArray)
      found.run(4, all(_))
      val right = NaivePassage
        .begin(model, chunk(document.take(12), 0, Head + 12))
        .run(1)(_.indices)
        .run(1)(best(5))
        .run(4)(_.indices)
      compare(found, right, 1e-4)
      found.close()
    }
  }

  test("quantised weights and stored keys of any kind give nearly the same session on every device") {
    TempDirectory.use { directory =>
      for (dtype <- Seq(DType.Q8_0, DType.F16)) {
        val file = RandomLlama(3, 64, 4, 2, 16, 96, 300, tied = false, dtype, 64)
          .write(directory.resolve(s"$dtype.gguf"))
        def logits(provider: DeviceProvider, kv: KvDType): Array[Float] = {
          val decoder = Decoder.load(file, provider.open(2))
          try {
            val options = SessionOptions.DEFAULT.withKvDType(kv)
            val halves = (0 until 2).map { i =>
              val made =
                passage(decoder, chunk(document.slice(20 * i, 20 * i + 20), 20L * i, Head + 20), options)
              made.run(2, significance => best(8)(significance.toSeq).toArray)
              made
            }
            val root = Passage.join(halves.head, halves.last, Head, Tail)
            halves.foreach(_.close())
            root.run(3, all(_))
            val session = root.session()
            try {
              session.step(9)
              session.logits()
            } finally session.close()
          } finally decoder.close()
        }
        val expected = logits(devices.find(_.name() == "reference").get, KvDType.F32).map(_.toDouble)
        for (provider <- devices; kv <- KvDType.values().toSeq)
          assert(difference(logits(provider, kv), expected) < 0.05, s"$dtype ${provider.name()} $kv")
      }
    }
  }

  test("a cancelled passage ends with an error of class CANCELLED and gives its memory back") {
    TempDirectory.use { directory =>
      withDecoder(model) { decoder =>
        val memory = new KvMemory(1L << 30, directory)
        val asked = new AtomicInteger
        val options = new SessionOptions(() => asked.incrementAndGet() > 3).withKvMemory(memory)
        val found = passage(decoder, chunk(document, 0, Head + 40), options)
        assert(memory.memoryBytes() > 0)
        val error = intercept[LongformException](found.run(4, all(_)))
        assert(error.errorClass() == ErrorClass.CANCELLED)
        found.close()
        assert(memory.memoryBytes() == 0)
      }
    }
  }

  test("passages find their place where there is no memory for keys and values") {
    TempDirectory.use { directory =>
      withDecoder(model) { decoder =>
        val memory = new KvMemory(0, directory)
        def logits(options: SessionOptions): Seq[Float] = {
          val halves = (0 until 2).map { i =>
            val made =
              passage(decoder, chunk(document.slice(20 * i, 20 * i + 20), 20L * i, Head + 20), options)
            made.run(2, all(_))
            made
          }
          val root = Passage.join(halves.head, halves.last, Head, Tail)
          halves.foreach(_.close())
          root.run(4, all(_))
          val session = root.session()
          try session.logits().toSeq
          finally session.close()
        }
        assert(logits(SessionOptions.DEFAULT.withKvMemory(memory)) == logits(SessionOptions.DEFAULT))
        assert(memory.memoryBytes() == 0 && memory.diskBytes() == 0)
      }
    }
  }

  test("what a strategy must not do is refused") {
    withDecoder(model) { decoder =>
      def refusal(use: Passage => Any): String = {
        val made = passage(decoder, chunk(document.take(10), 0, Head + 10))
        try {
          val error = intercept[LongformException](use(made))
          assert(error.errorClass() == ErrorClass.INTERNAL)
          error.getMessage
        } finally made.close()
      }
      assert(
        refusal(_.session()).startsWith("Cannot go on behind the passage: it went through 0 of 4 layers")
      )
      assert(refusal(_.run(5, all(_))).startsWith("Cannot run layers 0 to 5: the model has 4"))
      assert(refusal(_.run(0, all(_))).startsWith("Cannot run layers 0 to 0"))
      assert(refusal(_.run(2, _ => Array(0, 1))).startsWith("Cannot leave out tokens of a passage of 17"))
      assert(refusal { one =>
        one.run(1, all(_))
        val other = passage(decoder, chunk(document.take(10), 0, Head + 12))
        try {
          other.run(1, all(_))
          Passage.join(one, other, Head, Tail)
        } finally other.close()
      }.startsWith("Cannot join passages of 17 and 17 tokens after 1 and 1 layers"))
      val unknown = intercept[LongformException](passage(decoder, Seq((50, 0.0, 0L))))
      assert(unknown.getMessage.startsWith("Cannot read token 50: it is not in the vocabulary (0 to 49)"))
    }
  }

  for (provider <- devices)
    test(s"the probabilities of a session's question equal eager dense attention on ${provider.name()}") {
      on(provider, model) { decoder =>
        val ids = prefix ++ document ++ suffix
        val first = Head + document.size
        val told = mutable.Map.empty[(Int, Int, Int), Array[Double]]
        val tap = new ProbabilityTap {
          override def asking(layer: Int): QueryRange =
            if (layer == 3 || layer == 1) new QueryRange(first.toLong, Long.MaxValue)
            else new QueryRange(0, 0)
          override def add(
              layer: Int,
              head: Int,
              query: Long,
              rows: Array[Long],
              values: Array[Double]
          ): Unit = {
            assert(rows.toSeq == (0L to query))
            told((layer, head, query.toInt)) = values
          }
        }
        withSession(decoder, full(decoder, 16)) { session =>
          session.feed((prefix ++ document).toArray, 0, first)
          session.flush()
          session.watchProbabilities(tap)
          session.ask(suffix.toArray)
          session.unwatchProbabilities()
          session.step(3)
        }
        val expected = NaivePassage
          .begin(model, ids.zipWithIndex.map { case (id, i) => (id, i.toDouble, i.toLong) })
          .run(4)(_.indices)
          .probabilities
        assert(
          told.keySet.toSet ==
            (for (l <- Seq(1, 3); h <- 0 until 4; t <- first until ids.size) yield (l, h, t)).toSet
        )
        for ((at, found) <- told; (a, b) <- found.zip(expected(at))) assert(math.abs(a - b) < 1e-5)
      }
    }
}
