package org.longform.kernels.context

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Which parameters are refused, and in which words. */
class ContextParametersSuite extends AnyFunSuite {
  private val small = new ModelLimits(512, 4)
  private val large = new ModelLimits(131072, 32)

  private def create(name: String, limits: ModelLimits, values: (String, String)*): ContextStrategy =
    ContextStrategies.create(name, values.toMap.asJava, limits)

  private def refusal(name: String, limits: ModelLimits, values: (String, String)*): String = {
    val error = intercept[LongformException](create(name, limits, values: _*))
    assert(error.errorClass() == ErrorClass.INVALID_OPTION)
    error.getMessage
  }

  private def default(name: String, parameter: String, limits: ModelLimits): Any =
    ContextStrategies
      .byName(name)
      .parameters()
      .asScala
      .find(_.name() == parameter)
      .get
      .defaultValue()
      .apply(limits)

  test("an unknown context is refused with the names that are known") {
    assert(
      refusal("lm-infinit", small) ==
        s"Cannot use context 'lm-infinit': it is unknown (known: ${ContextStrategies.ALL.asScala.map(_.name()).mkString(", ")})."
    )
  }

  test("windows beyond the trained one are refused") {
    assert(
      refusal("streaming", small, "local-size" -> "509") ==
        "Cannot use context 'streaming': global-size 4 and local-size 509 together exceed the 512 tokens the model was " +
        "trained on. Lower one of them."
    )
    assert(
      refusal("lm-infinite", small, "local-size" -> "513") ==
        "Cannot use context 'lm-infinite': local-size 513 exceeds the 512 tokens the model was trained on. Lower it."
    )
    assert(
      refusal("reattention", small, "local-size" -> "200", "recall-budget" -> "256") ==
        "Cannot use context 'reattention': 16 global, 256 recalled and 264 local tokens need 536 positions, the model was " +
        "trained on 512. Lower global-size, local-size, chunk-size, or recall-budget or recall-clip times span-size."
    )
    assert(
      refusal("reattention", small, "local-size" -> "430").contains(
        "16 global, 8 recalled and 494 local tokens need 518"
      )
    )
    assert(
      refusal("reattention", new ModelLimits(8192, 32), "span-size" -> "33", "recall-clip" -> "127")
        .contains("need 8446 positions")
    )
    create("reattention", new ModelLimits(8192, 32), "span-size" -> "33")
    create("reattention", small, "local-size" -> "424")
  }

  test("a distance limit that is no ceiling is refused") {
    assert(
      refusal("lm-infinite", small, "distance-limit" -> "100") ==
        "Cannot use context 'lm-infinite': distance-limit 100 must lie between local-size 448 and the 512 tokens the model " +
        "was trained on. Change it or leave it out."
    )
    assert(refusal("lm-infinite", small, "distance-limit" -> "513").contains("distance-limit 513"))
    create("lm-infinite", small, "distance-limit" -> "463")
  }

  test("middle tokens are not inserted further away than any local one") {
    assert(
      refusal("lm-infinite", small, "top-k-middle" -> "5", "top-k-insert-at" -> "449") ==
        "Cannot use context 'lm-infinite': top-k-insert-at 449 is further away than any local token (local-size 448). Lower it."
    )
  }

  test("two limits of what is recalled are refused together") {
    assert(
      refusal("reattention", large, "recall-clip" -> "10", "recall-budget" -> "320") ==
        "Cannot use context 'reattention': recall-clip 10 and recall-budget 320 both limit what is recalled. Give only one of them."
    )
    create("reattention", small, "recall-clip" -> "32")
    create("reattention", large, "recall-budget" -> "320")
    create("reattention", large, "recall-clip" -> "-1", "recall-budget" -> "320")
  }

  test("a budget below one span is refused") {
    assert(
      refusal("reattention", large, "recall-budget" -> "31") ==
        "Cannot use context 'reattention': recall-budget 31 does not hold one span of span-size 32. Raise it or lower span-size."
    )
  }

  test("blocks whose tokens could choose later ones are refused") {
    assert(
      refusal("reattention", large, "chunk-size" -> "4097") ==
        "Cannot use context 'reattention': blocks of 4097 tokens are longer than local-size 4096, so a token could choose " +
        "later ones. Lower chunk-size and question-chunk or raise local-size."
    )
    assert(
      refusal("reattention", large, "question-chunk" -> "5000").contains("blocks of 5000 tokens are longer")
    )
    create("reattention", large, "local-counts" -> "past", "chunk-size" -> "5000")
  }

  test("the faithful profile refuses what the published program cannot do") {
    val faithful = "profile" -> "faithful"
    create("reattention", large, faithful)
    assert(
      refusal("reattention", large, faithful, "chunk-size" -> "4096") ==
        "Cannot use context 'reattention': blocks of 4096 tokens must be 128 tokens shorter than local-size 4096 in the " +
        "faithful profile, else a token could choose later ones. Lower chunk-size and question-chunk or raise local-size."
    )
    assert(refusal("reattention", large, faithful, "chunk-size" -> "500").contains("(values 4096 and 500)"))
    assert(refusal("reattention", large, faithful, "local-size" -> "4000").contains("(values 4000 and 512)"))
    assert(
      refusal("reattention", large, faithful, "recall-budget" -> "320").contains(
        "recall-budget 320 is unknown to the published program"
      )
    )
    assert(refusal("reattention", small, faithful).contains("needs local-counts 'all' (value 'past')"))
    create(
      "reattention",
      small,
      faithful,
      "local-counts" -> "all",
      "local-size" -> "256",
      "chunk-size" -> "128"
    )
  }

  test("the defaults are the published sizes for large models and fit small ones") {
    def reattention(limits: ModelLimits): Seq[Any] =
      Seq(
        "global-size",
        "local-size",
        "local-counts",
        "top-k-middle",
        "span-size",
        "chunk-size",
        "question-chunk"
      )
        .map(default("reattention", _, limits))
    assert(reattention(large) == Seq(32, 4096, "all", 4, 32, 512, 1))
    assert(reattention(new ModelLimits(8192, 32)) == reattention(large))
    assert(reattention(small) == Seq(16, 176, "past", 8, 8, 64, 1))
    assert(Seq("global-size", "local-size").map(default("lm-infinite", _, small)) == Seq(16, 448))
    assert(Seq("global-size", "local-size").map(default("lm-infinite", _, large)) == Seq(10, 131072))
    assert(Seq("global-size", "local-size").map(default("streaming", _, small)) == Seq(4, 508))
    assert(default("lm-infinite", "top-k-from-layer", large) == 4)
  }
}
