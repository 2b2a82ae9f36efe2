package org.longform.kernels.model

import scala.collection.JavaConverters._
import scala.collection.mutable
import scala.util.Random

import org.longform.kernels.attention.{AttentionPlan, ColumnMass}
import org.longform.kernels.cache.KvDType
import org.longform.kernels.context.{ContextStrategies, ContextStrategy, PlanRequest}
import org.longform.kernels.device.{DeviceProvider, Devices}
import org.longform.kernels.device.cpu.CpuDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures.tokens
import org.longform.kernels.tensor.{DType, Memory}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Guesses read beside a token, each compared with a session that reads the same tokens one by one. */
class TreeDecodingSuite extends AnyFunSuite {
  private val Vocabulary = 300

  private def withDecoder[A](provider: DeviceProvider, dtype: DType = DType.Q8_0)(body: Decoder => A): A =
    TempDirectory.use { directory =>
      val shape = RandomLlama(2, 64, 4, 2, 32, 96, Vocabulary, tied = true, dtype, window = 64)
      val decoder = Decoder.load(shape.write(directory.resolve("random.gguf")), provider.open(2))
      try body(decoder)
      finally decoder.close()
    }

  private def strategy(decoder: Decoder, name: String): ContextStrategy =
    ContextStrategies.create(
      name,
      untrained.getOrElse(name, Map.empty[String, String]).asJava,
      decoder.limits()
    )

  /** What lets a strategy do without what a model would have to learn. */
  private val untrained = Map("clex" -> Map("frequencies" -> "ntk"))

  private def open(
      decoder: Decoder,
      context: String,
      document: Array[Int],
      options: SessionOptions = SessionOptions.DEFAULT
  ): Session = {
    val session = decoder.open(strategy(decoder, context), options)
    session.feed(document, 0, document.length)
    session.flush()
    session
  }

  /** Guesses that share beginnings, in any order, some of them the same token. */
  private def randomTree(random: Random, rows: Int): TokenTree = {
    val builder = TokenTree.builder(random.nextInt(Vocabulary))
    for (row <- 1 until rows)
      builder.add(math.max(0, row - 1 - random.nextInt(4)), random.nextInt(Vocabulary))
    builder.build()
  }

  private def step(decoder: Decoder, session: Session, tree: TokenTree): DecodeStep = {
    val step = new DecodeStep(session, tree)
    decoder.batcher().read(Seq(step).asJava)
    step
  }

  /** The logits behind the last of these tokens, read one by one from a fork. */
  private def oneByOne(session: Session, path: Seq[Int]): Seq[Float] = {
    val fork = session.fork()
    try {
      path.foreach(fork.step)
      fork.logits().toSeq
    } finally fork.close()
  }

  private def tokensOf(tree: TokenTree, row: Int): Seq[Int] = tree.path(row).toSeq.map(tree.token)

  private val devices = Devices.ALL.asScala.toSeq ++ new CpuDevice().variants().asScala
  private val names = ContextStrategies.ALL.asScala.map(_.name()).toSeq

  private def branches(decoder: Decoder): Seq[String] = names.filter(strategy(decoder, _).mayBranch())

  for (provider <- devices if !provider.whyUnavailable().isPresent)
    test(s"on ${provider.name()} every row of a tree gives the logits of its path read token by token") {
      withDecoder(provider) { decoder =>
        assert(Seq("full", "streaming", "lm-infinite", "reattention").forall(branches(decoder).contains))
        for (context <- branches(decoder); seed <- 0 until 6) {
          val random = new Random(seed.toLong)
          // also where the tree crosses pages, and where a window begins inside one
          val document = tokens(Seq(5, 63, 64, 120, 125, 200)(seed), Vocabulary, seed + 7L)
          val session = open(decoder, context, document)
          try {
            // more rows than a pass has, and then from where the tree before it left off
            for (round <- 0 until 3) {
              val tree = randomTree(random, 2 + random.nextInt(14))
              val expected = (0 until tree.size()).map(row => oneByOne(session, tokensOf(tree, row)))
              val read = step(decoder, session, tree)
              for (row <- 0 until tree.size())
                assert(read.logits(row).toSeq == expected(row), s"$context, seed $seed, $tree, row $row")
              val kept = random.nextInt(tree.size())
              tree.path(kept).drop(1).foreach(read.accept)
              read.settle()
              val length = session.length()
              assert(session.logits().toSeq == expected(kept), s"$context, seed $seed, round $round")
              assert(session.pendingTokens() == 0 && length == session.length())
            }
          } finally session.close()
        }
      }
    }

  for (kv <- KvDType.values().toSeq; dtype <- Seq(DType.F32, DType.Q4_0))
    test(s"keys and values kept as $kv with $dtype weights are those of decoding without guesses") {
      withDecoder(Devices.choose("auto"), dtype) { decoder =>
        val options = SessionOptions.DEFAULT.withKvDType(kv)
        for (context <- branches(decoder)) {
          val document = tokens(61, Vocabulary, 3)
          val (guessing, plain) =
            (open(decoder, context, document, options), open(decoder, context, document, options))
          try {
            val random = new Random(5)
            for (_ <- 0 until 12) {
              val tree = randomTree(random, 1 + random.nextInt(8))
              val read = step(decoder, guessing, tree)
              val kept = random.nextInt(tree.size())
              tree.path(kept).drop(1).foreach(read.accept)
              read.settle()
              tokensOf(tree, kept).foreach(plain.step)
              assert(guessing.logits().toSeq == plain.logits().toSeq, context)
            }
            assert(guessing.length() == plain.length())
            assert(guessing.stats().decodedTokens() == plain.stats().decodedTokens())
            assert(guessing.stats().decodeSteps() == 12)
            assert(guessing.stats().kvBytes() == plain.stats().kvBytes())
          } finally {
            guessing.close()
            plain.close()
          }
        }
      }
    }

  test("rows that were not accepted leave no trace in what watches the session") {
    withDecoder(Devices.choose("auto")) { decoder =>
      for (context <- branches(decoder)) {
        def watched(read: Session => Unit): (Map[Long, Float], Seq[(Long, Int, Double)]) = {
          val mass = mutable.Map[Long, Float]()
          val scores = mutable.Buffer[(Long, Int, Double)]()
          val session = open(decoder, context, tokens(130, Vocabulary, 11))
          try {
            val tap: ColumnMass = (row, value) => mass(row) = mass.getOrElse(row, 0f) + value
            session.watch(tap)
            session.watchScores((row, token, surprise) => scores += ((row, token, surprise)))
            read(session)
            (mass.toMap, scores.toList)
          } finally session.close()
        }
        val tree = randomTree(new Random(2), 12)
        val guessed = watched { session =>
          val read = step(decoder, session, tree)
          tree.path(11).drop(1).foreach(read.accept)
          read.settle()
        }
        val expected = watched(session => tokensOf(tree, 11).foreach(session.step))
        assert(guessed == expected, context)
      }
    }
  }

  test("trees of several sessions share passes, and each gets what it would get alone") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val random = new Random(9)
      val sessions =
        (0 until 5).map(i => open(decoder, names(i % 3), tokens(40 + 31 * i, Vocabulary, i.toLong)))
      val before = Memory.allocatedBytes()
      try {
        val trees = sessions.map(_ => randomTree(random, 1 + random.nextInt(11)))
        val alone = sessions.zip(trees).map { case (session, tree) =>
          (0 until tree.size()).map(row => oneByOne(session, tokensOf(tree, row)))
        }
        val passes = decoder.batcher().passes()
        val steps = sessions.zip(trees).map { case (session, tree) => new DecodeStep(session, tree) }
        decoder.batcher().read(steps.asJava)
        for ((step, expected) <- steps.zip(alone)) {
          for (row <- expected.indices) assert(step.logits(row).toSeq == expected(row))
          step.settle()
        }
        val rows = trees.map(_.size()).sum
        val limit = decoder.batcher().limit()
        assert(decoder.batcher().passes() - passes == (rows + limit - 1) / limit)
      } finally sessions.foreach(_.close())
      assert(Memory.allocatedBytes() < before)
    }
  }

  /** Remembers, so it cannot take back what it planned. */
  private class Remembering(inner: ContextStrategy) extends ContextStrategy {
    override def nextChunk(read: Long, promptTokens: Long): Int = inner.nextChunk(read, promptTokens)
    override def questionChunk(): Int = inner.questionChunk()
    override def plan(request: PlanRequest): AttentionPlan = inner.plan(request)
  }

  test("a strategy that remembers what it planned is given no guesses, and goes on without them") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val session = decoder.open(new Remembering(strategy(decoder, "full")))
      try {
        session.ask(Array(4, 5, 6))
        val error = intercept[LongformException](step(decoder, session, TokenTree.chain(7, 8)).logits())
        assert(error.errorClass() == ErrorClass.INVALID_OPTION)
        assert(error.getMessage.startsWith("Cannot read guesses: the context strategy remembers"))
        assert(session.pendingTokens() == 0)
        assert(step(decoder, session, TokenTree.of(7)).logits().length == Vocabulary)
      } finally session.close()
    }
  }

  test("a guess outside the vocabulary is refused, and one that continues no accepted row") {
    withDecoder(Devices.choose("auto")) { decoder =>
      val session = open(decoder, "full", tokens(10, Vocabulary, 1))
      try {
        val outside = intercept[LongformException](
          step(decoder, session, TokenTree.chain(7, Vocabulary)).logits()
        )
        assert(outside.getMessage.startsWith(s"Cannot read token $Vocabulary"))
        assert(session.length() == 10 && session.pendingTokens() == 0)
        val read = step(decoder, session, TokenTree.chain(7, 8, 9))
        val skipped = intercept[IllegalArgumentException](read.accept(2))
        assert(skipped.getMessage.contains("it does not continue row 0"))
        assert(
          intercept[LongformException](session.step(3)).getMessage.contains("a token of it is being read")
        )
        read.accept(1)
        read.settle()
        assert(session.length() == 12)
        assert(
          intercept[IllegalArgumentException](TokenTree.builder(1).add(1, 5)).getMessage.contains("row 1")
        )
      } finally session.close()
    }
  }

  test("a cancelled tree leaves the session as it was, with its token pending") {
    withDecoder(Devices.choose("auto")) { decoder =>
      var left = Int.MaxValue
      val options = new SessionOptions(() => {
        left -= 1
        left == 0
      })
      val session = open(decoder, "full", tokens(70, Vocabulary, 1), options)
      try {
        val expected = oneByOne(session, Seq(5))
        // in the second of its passes
        left = 5
        val read = step(decoder, session, randomTree(new Random(1), 2 * decoder.batcher().limit().min(16)))
        assert(intercept[LongformException](read.logits()).errorClass() == ErrorClass.CANCELLED)
        assert(session.length() == 70 && session.pendingTokens() == 1)
        val other = open(decoder, "full", tokens(70, Vocabulary, 1))
        try assert(oneByOne(other, Seq(5)) == expected)
        finally other.close()
      } finally session.close()
    }
  }

  test("rows of a tree know their depth, their path and their children") {
    val builder = TokenTree.builder(1)
    val a = builder.add(0, 2)
    val b = builder.follow(a, 3)
    assert(builder.follow(0, 2) == a && builder.follow(a, 3) == b)
    val c = builder.follow(0, 4)
    assert(builder.size() == 4)
    val tree = builder.build()
    assert((0 until 4).map(tree.depth) == Seq(0, 1, 2, 1))
    assert((0 until 4).map(tree.parent) == Seq(-1, 0, 1, 0))
    assert(tree.path(b).toSeq == Seq(0, a, b) && tree.path(0).toSeq == Seq(0))
    assert(tree.child(0, 4).getAsInt == c && !tree.child(b, 4).isPresent && !tree.child(0, 3).isPresent)
    assert(tree.toString == "TokenTree[1, 2, 3, 4] after [-1, 0, 1, 0]")
  }
}
