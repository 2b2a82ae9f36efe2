package org.longform.kernels.context

import com.tngtech.archunit.core.importer.{ClassFileImporter, ImportOption}
import java.util.Optional

import org.longform.kernels.attention.{AttentionPlan, FrequencyFlow, PositionEncoding, Segment}
import org.longform.kernels.cache.{KvCache, KvShape, Rows}
import org.longform.kernels.device._
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** What every context strategy owes, for all that are listed, on every device of this machine. */
class ContextContractSuite extends AnyFunSuite {
  private val limits = limitsOf(64, 4)
  private val windows = Seq(512L, 2048L, 8192L, 131072L)
  private val rope = PositionEncoding.Rope.plain(8, 10000)
  private val noParameters = Map.empty[String, String].asJava
  private val devices =
    Devices.ALL.asScala.filterNot(_.whyUnavailable().isPresent).map(d => d.name() -> d.open(1))
  private val reference = devices.toMap.apply("reference")

  /** Sums of float32 differ by more than those of the reference device. */
  private def tolerance(device: String): Double = if (device == "reference") 2e-5 else 1e-4

  private def create(factory: ContextFactory, of: ModelLimits = limits): ContextStrategy =
    ContextStrategies.create(factory.name(), noParameters, of)

  /** A model that learned everything that any strategy may want of it. */
  private def limitsOf(window: Long, layers: Int): ModelLimits = {
    val random = new Random(window)
    def weights: Array[Float] = Array.fill(32)(random.nextFloat() - 0.5f)
    val network = new FrequencyFlow.Network(weights, weights, FrequencyFlow.Activation.TANH)
    val plain = PositionEncoding.Rope.plain(8, 10000).inverseFrequencies()
    new ModelLimits(window, layers, Optional.of(FrequencyFlow.solve(plain, network, 4, 10)))
  }

  private def sequence(seed: Long, tokens: Int): Sequence = Sequence.random(seed, tokens, 4, 2, 8)

  private def reading[A](factory: ContextFactory, sequence: Sequence, kernels: Kernels = reference)(
      use: Reading => A
  ): A = {
    val reading = new Reading(create(factory), sequence, rope, kernels)
    try use(reading)
    finally reading.close()
  }

  test("every strategy of the package is listed under a name of its own") {
    val factories = new ClassFileImporter()
      .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
      .importPackages("org.longform.kernels")
      .asScala
      .filter(c => c.isAssignableTo(classOf[ContextFactory]) && !c.isInterface)
      .map(_.getName)
      .toSet
    assert(ContextStrategies.ALL.asScala.map(_.getClass.getName).toSet == factories)
    assert(ContextStrategies.ALL.asScala.map(_.name()).distinct.size == ContextStrategies.ALL.size())
  }

  test("parameters of one name have one type in all strategies") {
    val types = ContextStrategies.ALL.asScala
      .flatMap(_.parameters().asScala)
      .groupBy(_.name())
      .map { case (name, declared) => name -> declared.map(_.`type`()).toSet }
    assert(types.filter(_._2.size > 1).isEmpty)
  }

  for (factory <- ContextStrategies.ALL.asScala) {
    val name = factory.name()

    test(s"$name documents itself and its parameters") {
      val word = "[a-z]+(-[a-z]+)*"
      assert(name.matches(word) && factory.source().nonEmpty)
      assert(factory.description().endsWith("."))
      for (parameter <- factory.parameters().asScala) {
        assert(parameter.name().matches(word))
        assert(parameter.doc().endsWith(".") && parameter.defaultText().nonEmpty, parameter.name())
      }
    }

    test(s"$name accepts its own defaults for every window") {
      for (window <- windows :+ 64L; parameter <- factory.parameters().asScala) {
        val value = parameter.defaultValue().apply(limitsOf(window, 8)).toString
        assert(!parameter.refusal(value).isPresent, s"${parameter.name()} $value for $window")
      }
      for (window <- windows :+ 64L) {
        val own = limitsOf(window, 8)
        val written =
          factory.parameters().asScala.map(p => p.name() -> p.defaultValue().apply(own).toString).toMap
        ContextStrategies.create(name, written.asJava, own)
      }
    }

    test(s"$name refuses wrong values with a sentence") {
      for (parameter <- factory.parameters().asScala; value <- wrong(parameter)) {
        val error = intercept[LongformException](
          ContextStrategies.create(name, Map(parameter.name() -> value).asJava, limits)
        )
        assert(error.errorClass() == ErrorClass.INVALID_OPTION)
        assert(error.getMessage.startsWith(s"Cannot use '${parameter.name()}' of context '$name': "))
        assert(error.getMessage.contains(s"(value '$value')") && error.getMessage.contains(parameter.doc()))
      }
      val unknown =
        intercept[LongformException](ContextStrategies.create(name, Map("colour" -> "red").asJava, limits))
      assert(
        unknown.getMessage.startsWith(
          s"Cannot use 'colour' with context '$name': it has no such parameter (known: "
        )
      )
    }

    test(s"$name plans only held tokens, and each query sees itself") {
      val s = sequence(1, 230)
      reading(factory, s)(_.whole { (request, plan) =>
        plan.validate(request.cache(), 4, request.firstRow())
        for (head <- 0 until 4) {
          plan.segments().asScala.foreach(segment => assertIncreasing(segment.rows()))
          for (row <- request.firstRow() until request.cache().end()) {
            val times = plan.segments().asScala.count(segment => sees(segment, head, row, row))
            assert(times == 1, s"head $head, token $row")
          }
        }
      })
    }

    test(s"$name lets no query see a key twice or later than itself") {
      val s = sequence(2, 150)
      reading(factory, s)(_.whole { (request, plan) =>
        for (
          row <- Seq(request.firstRow(), request.cache().end() - 1); key <- 0L until request.cache().end()
        ) {
          val times = plan.segments().asScala.count(segment => sees(segment, 0, row, key))
          assert(times <= (if (key > row) 0 else 1), s"query $row, key $key")
        }
      })
    }

    if (factory.promises().contains(Promise.FULL_WHEN_SHORT))
      test(s"$name equals full attention up to half the trained window") {
        val s = sequence(3, 32)
        val full =
          DenseOracle.attend(s, rope, 0 until 32, (_, i, j) => if (j > i) DenseOracle.Masked else i - j)
        for ((device, kernels) <- devices) {
          val actual = reading(factory, s, kernels)(_.whole((_, _) => ()))
          assert(Reading.largestDifference(full, actual) < tolerance(device), device)
        }
      }

    test(s"$name gives finite results that do not depend on tokens it leaves out") {
      val s = sequence(4, 200)
      val strategy = create(factory)
      for (first <- Seq(136, 192, 199)) {
        val (plan, expected) = Reading.last(strategy, s, rope, reference, first) { (request, plan) =>
          (plan, Reading.attend(request, plan, s.scale))
        }
        val seen = (0 until 4).map(head => Reading.seen(plan, head, 4)).reduce(_ ++ _)
        for ((device, kernels) <- devices) {
          val actual = Reading.last(create(FullContext.FACTORY), s.withNaN(!seen(_)), rope, kernels, first) {
            (request, _) => Reading.attend(request, plan, s.scale)
          }
          assert(
            Reading.largestDifference(expected, actual) < tolerance(device),
            s"$device, block from $first"
          )
        }
      }
    }

    test(s"$name gives the same plan for the same input, also after a fork") {
      val s = sequence(5, 200)
      val strategy = create(factory)
      for (first <- Seq(0, 190, 199)) {
        val plans = Seq(strategy, strategy, strategy.fork(), create(factory)).map { again =>
          Reading.last(again, s, rope, reference, first)((_, plan) => plan)
        }
        assert(plans.distinct.size == 1)
      }
    }

    test(s"$name learns nothing from what it sees, if it says that guesses may be forgotten") {
      val strategy = create(factory)
      if (strategy.mayBranch()) {
        assert(!strategy.wantsScores() && strategy.mostProbeTokens() == 0)
        assert((0 until limits.layers()).forall(layer => !strategy.watch(layer).isPresent))
      }
    }

    test(s"$name asks for blocks of at least one token") {
      for (
        window <- windows; prompt <- Seq(-1L, 1L, 100L, 1000000L); read <- Seq(0L, 1L, 99L, 5000L, 200000000L)
      ) {
        val strategy = create(factory, limitsOf(window, 8))
        assert(strategy.nextChunk(read, prompt) >= 1 && strategy.questionChunk() >= 1)
      }
    }

    if (factory.promises().contains(Promise.WITHIN_WINDOW))
      for (window <- windows) test(s"$name stays within the positions of a model trained on $window tokens") {
        val scattered = new ScatteredKernels(reference)
        for (tokens <- Seq(window / 2, window, window + 1, window + window / 2).map(_.toInt)) {
          farthest(create(factory, limitsOf(window, 8)), tokens, scattered) { (distance, seen) =>
            assert(distance <= window, s"$tokens tokens")
            assert(seen <= window + 10, s"$tokens tokens")
          }
        }
      }

    if (factory.promises().contains(Promise.CHUNK_INVARIANT))
      test(s"$name gives the same for any lengths of blocks, single tokens included") {
        val s = sequence(6, 160)
        val byOne = reading(factory, s)(_.blocks(1 to 160))
        for (seed <- 1L to 3L; (device, kernels) <- devices) {
          val random = new Random(seed)
          val ends = (1 until 160).filter(_ => random.nextInt(12 * seed.toInt) == 0) :+ 160
          val actual = reading(factory, s, kernels)(_.blocks(ends))
          assert(Reading.largestDifference(byOne, actual) < tolerance(device), s"$device, blocks $ends")
        }
      }

    if (factory.promises().contains(Promise.PREFIX_STABLE))
      test(s"$name reads a beginning the same whatever follows") {
        val strategy = create(factory)
        for (read <- 0L to 300L) {
          assert(Seq(-1L, read + 1, 1000L, 77777L).map(strategy.nextChunk(read, _)).distinct.size == 1)
        }
        assert(!strategy.dependsOnPromptLength())
        val s = sequence(7, 160)
        val whole = reading(factory, s)(_.whole((_, _) => ()))
        val end = Iterator.iterate(0)(read => read + strategy.nextChunk(read, -1)).find(_ > 64).get
        val part = reading(factory, s.take(end))(_.whole((_, _) => ()))
        assert(end < 160 && Reading.largestDifference(whole.take(part.length), part) == 0)
      }

    if (factory.promises().contains(Promise.BOUNDED_MEMORY))
      for (window <- windows) test(s"$name keeps a bounded number of tokens for a model trained on $window") {
        val strategy = create(factory, limitsOf(window, 8))
        val cache = new KvCache(new KvShape(1, 1, 2))
        val pages = (window + 10 + 4 * 64) * cache.shape().bytesPerToken()
        try {
          var most = 0L
          while (cache.length() < 3 * window) {
            val (lengthBefore, heldBefore) = (cache.length(), cache.held().count(0))
            cache.reserve(strategy.nextChunk(cache.length(), -1))
            cache.commit()
            val probed = Reading.ended(strategy, cache, lengthBefore)
            assert(cache.held().count(0) <= window + 10)
            most = math.max(most, cache.length() - lengthBefore + heldBefore + probed)
            assert(cache.bytes() <= pages)
          }
          assert(strategy.mostTokensHeld().getAsLong == most)
        } finally cache.close()
      }
  }

  private def wrong(parameter: Parameter): Seq[String] = parameter.`type`() match {
    case Parameter.Type.CHOICE => Seq("nonsense", "")
    case Parameter.Type.INTEGER =>
      Seq("many", "1.5", (parameter.minimum() - 1).toString, "3000000000", "99999999999999999999")
    case Parameter.Type.DECIMAL => Seq("many", "NaN", (parameter.minimum() - 1).toString)
    case Parameter.Type.TEXT    => Seq()
  }

  private def assertIncreasing(rows: Rows): Unit =
    for (group <- 0 until rows.groups()) {
      val all = rows.toArray(group)
      assert(all.indices.drop(1).forall(i => all(i - 1) < all(i)))
    }

  private def sees(segment: Segment, head: Int, query: Long, key: Long): Boolean = {
    val rows = segment.rows()
    segment.queries().contains(query) && segment.band().allows(query, key) && rows.contains(
      head * rows.groups() / 4,
      key
    )
  }

  /** Largest distance and number of seen keys of the first and last query of the last block. */
  private def farthest(strategy: ContextStrategy, tokens: Int, kernels: Kernels)(
      check: (Double, Int) => Unit
  ): Unit = {
    val cache = new KvCache(new KvShape(1, 1, 2))
    try {
      var last = 0
      while (cache.length() < tokens) {
        val first = cache.length()
        last = math.min(strategy.nextChunk(first, -1).toLong, tokens - first).toInt
        cache.reserve(last)
        if (first + last < tokens) {
          cache.commit()
          Reading.ended(strategy, cache, first)
        } else {
          val queries = Tensor.allocate(last, 2)
          val plan = strategy.plan(
            new PlanRequest(0, queries, cache.view(0), PositionEncoding.Rope.plain(2, 10000), kernels)
          )
          queries.close()
          for (query <- Seq(cache.length(), tokens - 1L))
            check(largestDistance(plan, query), seenKeys(plan, query))
          cache.commit()
        }
      }
    } finally cache.close()
  }

  private def visible(plan: AttentionPlan, query: Long): Seq[(Segment, Long, Long)] =
    for {
      segment <- plan.segments().asScala.toSeq
      if segment.queries().contains(query)
      (row, index) <- segment.rows().toArray(0).zipWithIndex
      if segment.band().allows(query, row)
    } yield (segment, row, index.toLong)

  private def largestDistance(plan: AttentionPlan, query: Long): Double =
    visible(plan, query).map { case (segment, row, index) =>
      math.abs(segment.queryPositions().at(query) - segment.keyPositions().at(row, index))
    }.max

  private def seenKeys(plan: AttentionPlan, query: Long): Int = visible(plan, query).size

  /** A device whose best keys lie as far apart as they can, so that spans overlap least. */
  private class ScatteredKernels(other: Kernels) extends Kernels {
    override def topKeys(request: TopKeysRequest): TopKeys = {
      val voters = request.heads() * request.queryCount()
      val k = math.min(request.k().toLong, request.to() - request.from()).toInt
      val middle = request.to() - request.from()
      val rows = Array.tabulate(voters * k)(i => request.from() + (i * 7919L) % middle)
      TopKeys.exhaustive(request, k, rows, new Array[Float](rows.length))
    }
    override def weight(stored: Tensor): Weight = other.weight(stored)
    override def gather(table: Weight, ids: Array[Int], out: Tensor): Unit = other.gather(table, ids, out)
    override def matmul(x: Tensor, w: Weight, out: Tensor): Unit = other.matmul(x, w, out)
    override def addBias(x: Tensor, bias: Weight): Unit = other.addBias(x, bias)
    override def add(x: Tensor, y: Tensor): Unit = other.add(x, y)
    override def rmsNorm(x: Tensor, gain: Weight, epsilon: Double, out: Tensor): Unit =
      other.rmsNorm(x, gain, epsilon, out)
    override def swiGlu(gate: Tensor, up: Tensor): Unit = other.swiGlu(gate, up)
    override def attend(request: AttendRequest): Unit = other.attend(request)
  }
}
