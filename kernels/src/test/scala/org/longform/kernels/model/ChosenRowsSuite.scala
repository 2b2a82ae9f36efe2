package org.longform.kernels.model

import java.lang.reflect.{InvocationHandler, InvocationTargetException, Method, Proxy}

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.attention.AttentionPlan
import org.longform.kernels.cache.{KvDType, Rows}
import org.longform.kernels.context.{ContextStrategies, ContextStrategy}
import org.longform.kernels.device.{DeviceProvider, Devices, LateKernels}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.Memory
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** Sessions whose rows a device chooses and need not tell. */
class ChosenRowsSuite extends AnyFunSuite {
  private val settings: Seq[(String, Map[String, String])] = Seq(
    "a budget" -> Map.empty,
    "a clip" -> Map("recall-clip" -> "5", "span-size" -> "4"),
    "the faithful profile's pairing" -> Map("pairing" -> "official", "recall-clip" -> "4"),
    "values in the votes" -> Map("recall-type" -> "qkv2"),
    "votes by rank" -> Map("recall-order" -> "rank", "recall-clip" -> "6")
  )

  // tokens that are repeated have equal keys, whose scores are equal but for nd4j's BLAS
  private val comparable: Seq[DeviceProvider] =
    Devices.ALL.asScala.filter(each => !each.whyUnavailable().isPresent && each.name() != "nd4j").toSeq

  private def reattention(decoder: Decoder, values: Map[String, String]): ContextStrategy =
    ContextStrategies.create("reattention", values.asJava, decoder.limits())

  /** A strategy, and the rows of all its plans. */
  private def noted(strategy: ContextStrategy): (ContextStrategy, mutable.Buffer[Rows]) = {
    val rows = mutable.Buffer.empty[Rows]
    val noting = new InvocationHandler {
      override def invoke(proxy: AnyRef, method: Method, arguments: Array[AnyRef]): AnyRef = {
        val answer =
          try method.invoke(strategy, Option(arguments).getOrElse(Array.empty[AnyRef]): _*)
          catch { case e: InvocationTargetException => throw e.getCause }
        answer match {
          case plan: AttentionPlan => plan.segments().forEach(segment => rows += segment.rows())
          case _                   =>
        }
        answer
      }
    }
    val proxy =
      Proxy.newProxyInstance(getClass.getClassLoader, Array[Class[_]](classOf[ContextStrategy]), noting)
    (proxy.asInstanceOf[ContextStrategy], rows)
  }

  private def read(decoder: Decoder, strategy: ContextStrategy, dtype: KvDType): (Seq[Array[Float]], Long) = {
    val session = decoder.open(strategy, SessionOptions.DEFAULT.withKvDType(dtype))
    try {
      val document = tokens(230, 50, 41)
      session.feed(document, 0, document.length)
      session.ask(Array(4, 8, 15, 16))
      val logits = Seq(9, 7, 5).map { token =>
        session.step(token)
        session.logits()
      }
      (logits, session.stats().attendedTokens())
    } finally session.close()
  }

  for {
    (name, values) <- settings
    dtype <- Seq(KvDType.F32, KvDType.F16)
    provider <- comparable
  }
    test(s"${provider.name()} reads and counts the rows of the reference, with $name in $dtype") {
      val before = Memory.allocatedBytes()
      TempDirectory.use { directory =>
        val path = TinyModel(window = 64, layers = 2, seed = 43).write(directory)
        val reference = Decoder.load(path, new ReferenceDevice().open(1))
        val decoder = Decoder.load(path, provider.open(2))
        try {
          val (expected, attended) = read(reference, reattention(reference, values), dtype)
          val (strategy, rows) = noted(reattention(decoder, values))
          val (found, count) = read(decoder, strategy, dtype)
          found.zip(expected).foreach { case (a, b) => assert(difference(a, b.map(_.toDouble)) < 1e-4) }
          assert(count == attended)
          // by their end nobody has asked the card which they were
          val untold = rows.filter(_.untold().isPresent)
          if (provider.name() == "cuda") assert(untold.size > rows.size / 2)
          else assert(untold.isEmpty)
          untold.headOption.foreach { closed =>
            val refused = intercept[IllegalStateException](closed.count(0))
            assert(
              refused.getMessage == "Cannot tell which tokens a card chose: their plan is closed. Ask before."
            )
          }
        } finally {
          decoder.close()
          reference.close()
        }
      }
      assert(Memory.allocatedBytes() == before)
    }

  test("who watches the masses of tokens hears of those that the device chose") {
    TempDirectory.use { directory =>
      val path = TinyModel(window = 64, layers = 2, seed = 45).write(directory)
      def masses(provider: DeviceProvider): Map[Long, Float] = {
        val decoder = Decoder.load(path, provider.open(2))
        try
          withSession(decoder, reattention(decoder, Map.empty)) { session =>
            val heard = mutable.Map.empty[Long, Float].withDefaultValue(0f)
            val document = tokens(230, 50, 45)
            session.feed(document, 0, document.length)
            session.ask(Array(4, 8))
            session.watch((row, mass) => heard(row) += mass)
            Seq(9, 7).foreach(session.step)
            heard.toMap
          }
        finally decoder.close()
      }
      val expected = masses(new ReferenceDevice())
      assert(expected.keySet.exists(row => row > 10 && row < 150))
      for (provider <- comparable) {
        val heard = masses(provider)
        assert(heard.keySet == expected.keySet)
        for ((row, mass) <- heard) assert(math.abs(mass - expected(row)) < 1e-4)
      }
    }
  }

  test("a block that is cancelled between two layers gives back what the device noted") {
    TempDirectory.use { directory =>
      val late = new LateKernels(new ReferenceDevice().open(1))
      val decoder = Decoder.load(TinyModel(window = 64, layers = 3, seed = 46).write(directory), late.kernels)
      try {
        var polls = Int.MaxValue
        val options = new SessionOptions(() => { polls -= 1; polls < 0 })
        val session = decoder.open(reattention(decoder, Map.empty), options)
        try {
          val document = tokens(230, 50, 46)
          session.feed(document, 0, document.length)
          session.flush()
          session.ask(Array(4, 8))
          val held = late.held
          val chosen = late.chosen
          polls = 3
          val refused = intercept[LongformException](session.step(9))
          assert(refused.errorClass() == ErrorClass.CANCELLED)
          assert(late.chosen > chosen && late.held == held)
        } finally session.close()
      } finally decoder.close()
    }
  }

  /** How often the host waits for a late device in a step that writes a token. */
  private def waits(layers: Int, context: String): Long = TempDirectory.use { directory =>
    val late = new LateKernels(new ReferenceDevice().open(1))
    val decoder =
      Decoder.load(TinyModel(window = 64, layers = layers, seed = 44).write(directory), late.kernels)
    try {
      val strategy = ContextStrategies.create(context, java.util.Map.of(), decoder.limits())
      withSession(decoder, strategy) { session =>
        val document = tokens(230, 50, 44)
        session.feed(document, 0, document.length)
        session.ask(Array(4, 8))
        session.step(9)
        val before = late.waits
        session.step(7)
        assert(late.chosen == 0 || context == "reattention")
        late.waits - before
      }
    } finally decoder.close()
  }

  test("the host waits for chosen rows in no layer") {
    assert(waits(2, "reattention") == waits(5, "reattention"))
    // where their number stands beside what the pass answers
    assert(waits(5, "reattention") == waits(5, "full") + 1)
    assert(waits(5, "lm-infinite") < waits(5, "infllm"), "waits are not counted")
  }
}
