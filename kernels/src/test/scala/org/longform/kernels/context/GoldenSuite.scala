package org.longform.kernels.context

import org.longform.kernels.attention.AttentionPlan
import org.longform.kernels.device.reference.ReferenceDevice
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** ReAttention and LM-Infinite against stored results, most of them those of the published programs. */
class GoldenSuite extends AnyFunSuite {
  private val kernels = new ReferenceDevice().open(1)
  private val limits = new ModelLimits(1 << 20, 8)
  private val tolerance = 1e-4

  private def strategy(name: String, values: Map[String, Any]): ContextStrategy =
    ContextStrategies.create(name, values.map { case (key, value) => key -> value.toString }.asJava, limits)

  private def reattention(golden: GoldenCase, more: (String, Any)*): ContextStrategy = strategy(
    "reattention",
    Map[String, Any](
      "global-size" -> golden.int("global_size"),
      "local-size" -> golden.int("local_size"),
      "top-k-middle" -> golden.int("mid_size"),
      "span-size" -> golden.int("span_size"),
      "recall-clip" -> golden.int("recall_clip"),
      "recall-option" -> golden.text("recall_option")
    ) ++ more
  )

  private def faithful(golden: GoldenCase, pairing: String): ContextStrategy = reattention(
    golden,
    "profile" -> "faithful",
    "pairing" -> pairing,
    "recall-type" -> golden.text("recall_type"),
    "chunk-size" -> golden.int("chunk_size")
  )

  private def lmInfinite(golden: GoldenCase): ContextStrategy = {
    def number(key: String): Option[(String, Any)] =
      Option(golden.config.get(key)).filter(_.isNumber).map(node => key -> node.asInt())
    val middle = Seq(
      "top_k_attention" -> "top-k-middle",
      "top_k_insert_at" -> "top-k-insert-at",
      "top_k_from_layer" -> "top-k-from-layer",
      "top_k_to_layer" -> "top-k-to-layer"
    ).flatMap { case (key, parameter) => number(key).map { case (_, value) => parameter -> value } }
    strategy(
      "lm-infinite",
      Map[String, Any](
        "global-size" -> golden.int("global_branch"),
        "local-size" -> golden.int("local_branch"),
        "distance-limit" -> golden.int("limit_distance")
      ) ++ middle
    )
  }

  /** The last `block` tokens as one block behind a cache that holds the others. */
  private def lastBlock(
      golden: GoldenCase,
      strategy: ContextStrategy,
      layer: Int
  ): (AttentionPlan, Array[Float]) = {
    val sequence = golden.sequence()
    val first = sequence.tokens - golden.shape("q")(1)
    Reading.last(strategy, sequence, golden.encoding, kernels, first, layer) { (request, plan) =>
      (plan, Reading.attend(request, plan, golden.config.get("softmax_scale").asDouble()))
    }
  }

  private def assertClose(expected: Array[Float], actual: Array[Float]): Unit =
    assert(Reading.largestDifference(expected, actual) <= tolerance)

  private def assertBlock(golden: GoldenCase, strategy: ContextStrategy, ids: String, out: String): Unit = {
    val (plan, actual) = lastBlock(golden, strategy, 0)
    assert(plan.segments().get(0).rows().toArray(0).toSeq == golden.longs(ids).toSeq)
    assertClose(golden.rowMajor(out), actual)
  }

  test("no stored case is left out") {
    val checked = clean ++ blocks ++ sessions ++ steps ++ streams
    assert(checked.map(_.name).sorted == GoldenCase.all("").map(_.name))
    assert(checked.size == 26)
  }

  private lazy val clean = GoldenCase.all("rea_c")
  private lazy val blocks =
    GoldenCase.all("rea_").filterNot(c => c.name.startsWith("rea_c") || c.name.startsWith("rea_s"))
  private lazy val sessions = GoldenCase.all("rea_s")
  private lazy val steps = GoldenCase.all("lmi_").filterNot(_.name.startsWith("lmi_s"))
  private lazy val streams = GoldenCase.all("lmi_s")

  for (golden <- clean) test(s"the clean profile gives ${golden.name}") {
    val block = golden.int("q_len")
    assertBlock(golden, reattention(golden, "chunk-size" -> block), "ids", "out")
  }

  for (golden <- blocks; pairing <- Seq("official", "group") if golden.has(s"ids_$pairing"))
    test(s"the faithful profile with $pairing pairing gives ${golden.name}") {
      assertBlock(golden, faithful(golden, pairing), s"ids_$pairing", s"out_$pairing")
    }

  for (golden <- sessions; pairing <- Seq("official", "group"))
    test(s"the faithful profile with $pairing pairing gives ${golden.name} over its whole schedule") {
      val prompt = golden.int("prompt_len")
      val expected = golden.config.get("steps").asScala.toSeq
      for (layer <- 0 until golden.int("layers")) {
        val own = faithful(golden, pairing)
        val sequence = golden.sequence(s"_l$layer")
        val reading = new Reading(own, sequence, golden.encoding, kernels, layer)
        try {
          for (step <- expected if step.get("layer").asInt() == layer) {
            val from = reading.cache.length().toInt
            val to = if (from < prompt) from + own.nextChunk(from, prompt) else from + 1
            assert((from, to) == ((step.get("token_from").asInt(), step.get("token_to").asInt())))
            val ids = f"ids_${pairing}_s${step.get("step").asInt()}%02d_l$layer"
            reading.watched(to) { (_, plan) =>
              assert(plan.segments().get(0).rows().toArray(0).toSeq == golden.longs(ids).toSeq)
            }
          }
          assert(reading.cache.length() == sequence.tokens)
          assertClose(golden.rowMajor(s"out_${pairing}_l$layer"), reading.out)
        } finally reading.close()
      }
    }

  for (golden <- steps) test(s"LM-Infinite gives ${golden.name}") {
    val layer = Option(golden.config.get("layer")).map(_.asInt()).getOrElse(0)
    val (plan, actual) = lastBlock(golden, lmInfinite(golden), layer)
    assertClose(golden.rowMajor("out_official"), actual)
    if (golden.has("out_spec")) assertClose(golden.rowMajor("out_spec"), actual)
    if (golden.has("topk_index_last_row")) {
      val rows = plan.segments().asScala.last.rows()
      val Seq(heads, k) = golden.shape("topk_index_last_row")
      val expected = golden.longs("topk_index_last_row").grouped(k).map(_.sorted.toSeq).toSeq
      assert((0 until heads).map(head => rows.toArray(head).toSeq) == expected)
    }
  }

  for (golden <- streams) test(s"LM-Infinite gives ${golden.name} with what it keeps of the cache") {
    val sequence = golden.sequence()
    val reading = new Reading(lmInfinite(golden), sequence, golden.encoding, kernels)
    try {
      for (call <- golden.config.get("calls_from_to_cachebefore_cacheafter").asScala) {
        assert(reading.cache.length() == call.get(0).asLong())
        reading.block(call.get(1).asInt())
        // the published program keeps one token more than the next query sees
        assert(reading.cache.held().count(0) == call.get(3).asLong() - 1)
      }
      assertClose(golden.rowMajor("out_official"), reading.out)
    } finally reading.close()
  }
}
