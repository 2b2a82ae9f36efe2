package org.longform.spark.compare

import org.longform.feed.ReadingStrategies
import org.longform.kernels.context.ContextStrategies
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.options.Options
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** How users name those that take part. */
class ContenderSuite extends AnyFunSuite {
  private def parse(common: Map[String, String], texts: String*): Seq[Contender] =
    Contender.parse(texts.asJava, Options.ofCall(common.asJava)).asScala.toSeq

  private def refusal(texts: String*): String = {
    val error = intercept[LongformException](parse(Map.empty, texts: _*))
    assert(error.errorClass() == ErrorClass.INVALID_OPTION)
    error.getMessage
  }

  test("all stands for every strategy of the list, and each contender takes part once") {
    val readings = ReadingStrategies.ALL.asScala.filter(_.readsForQuestion()).map(_.name())
    val all = (ContextStrategies.ALL.asScala.map(_.name()) ++ readings).toSeq
    assert(readings.size >= 2)
    assert(parse(Map.empty, "all").map(_.label()) == all)
    assert(parse(Map.empty, "all", "full").map(_.label()) == all)
  }

  test("a contender has the common options and its own, which win") {
    val Seq(one, other) =
      parse(Map("kv_dtype" -> "f32", "seed" -> "3"), "full", "lm-infinite:top-k-middle=5:kv-dtype=q8")
    assert(one.options().asScala == Map("context" -> "full", "kv_dtype" -> "f32", "seed" -> "3"))
    assert(other.label() == "lm-infinite:top-k-middle=5:kv-dtype=q8")
    assert(
      other.options().asScala ==
        Map("context" -> "lm-infinite", "kv_dtype" -> "q8", "seed" -> "3", "top_k_middle" -> "5")
    )
  }

  test("a common parameter counts for the strategies that have it") {
    val Seq(full, streaming) = parse(Map("local_size" -> "100"), "full", "streaming")
    assert(!full.options().containsKey("local_size"))
    assert(streaming.options().get("local_size") == "100")
  }

  test("a reading for a question takes part without a context, and cannot be asked for perplexity") {
    val Seq(homer, retri, full) =
      parse(Map("target_length" -> "99"), "homer", "infini-retri:phrase-length=1", "full")
    assert(homer.options().asScala == Map("reading" -> "homer", "target_length" -> "99"))
    assert(retri.options().asScala == Map("reading" -> "infini-retri", "phrase_length" -> "1"))
    assert(full.options().asScala == Map("context" -> "full"))
    assert(Seq(homer, retri, full).map(_.has(Measure.PERPLEXITY)) == Seq(false, false, true))
    assert(Seq(homer, retri, full).forall(_.has(Measure.ANSWERS)))
    assert(
      refusal("homer:phrase-length=1").startsWith("Cannot use option 'phrase_length' with reading 'homer'")
    )
  }

  test("what is unknown is refused with a sentence") {
    assert(refusal("lm-infinit").startsWith("Cannot use context 'lm-infinit': it is unknown (known: full, "))
    assert(refusal("full:colour=red").startsWith("Cannot use option 'colour': no option has this name."))
    assert(
      refusal("full:chunk-size") ==
        "Cannot use contender 'full:chunk-size': 'chunk-size' sets no option. Write context:name=value:name=value."
    )
    assert(refusal("full:local-size=100").startsWith("Cannot use option 'local_size' with context 'full'"))
    assert(refusal("full:chunk-size=0").contains("must be at least 1"))
  }
}
