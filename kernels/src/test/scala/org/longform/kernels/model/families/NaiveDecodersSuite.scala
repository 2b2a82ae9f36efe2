package org.longform.kernels.model.families

import org.longform.kernels.model.NaiveRope
import org.longform.kernels.model.SessionFixtures.tokens
import org.longform.kernels.model.families.Naive._
import org.scalatest.funsuite.AnyFunSuite

/** The naive decoders against each other: most families are Llama where what they differ by has no effect. */
class NaiveDecodersSuite extends AnyFunSuite {
  private val text: Seq[Int] = tokens(17, 101, 9).toSeq

  private def checkpoint(name: String): Checkpoint = FamilyCases.ALL.find(_.name == name).get.checkpoint

  private def largest(a: Seq[Vec], b: Seq[Vec]): Double = {
    require(a.length == b.length)
    a.zip(b).flatMap { case (x, y) => x.zip(y).map { case (v, w) => math.abs(v - w) } }.max
  }

  private def assertLlama(found: Seq[Vec], same: Checkpoint): Unit = {
    assert(largest(found, LlamaCases.naive(same)(text)) < 1e-9)
    ()
  }

  private def rows(tensor: NamedTensor, from: Int, count: Int, name: String): NamedTensor = {
    val width = tensor.shape.last
    NamedTensor(name, Seq(count, width), tensor.values.slice(from * width, (from + count) * width))
  }

  test("Mistral is Llama inside of its window, and only there") {
    val narrow = checkpoint("Mistral 7B v0.1")
    val wide = narrow.where("sliding_window" -> "17")
    assertLlama(MistralCases.naive(wide)(text), wide)
    assert(largest(MistralCases.naive(narrow)(text), LlamaCases.naive(narrow)(text)) > 0.1)
  }

  test("Mixtral whose experts are the same is Llama") {
    val c = checkpoint("Mixtral 8x7B")
    val same = c.altered { tensor =>
      if (tensor.name.contains("experts"))
        tensor.copy(values = c(tensor.name.replaceAll("experts\\.\\d", "experts.0")))
      else tensor
    }
    val plain = same.tensors.flatMap { tensor =>
      val name = tensor.name
        .replace("block_sparse_moe.experts.0.w1", "mlp.gate_proj")
        .replace("block_sparse_moe.experts.0.w2", "mlp.down_proj")
        .replace("block_sparse_moe.experts.0.w3", "mlp.up_proj")
      if (name.contains("block_sparse_moe")) None else Some(tensor.copy(name = name))
    }
    assertLlama(MixtralCases.naive(same)(text), same.copy(tensors = plain))
  }

  test("Qwen 2 without biases is Llama") {
    val c = checkpoint("Qwen 2.5 7B").altered { tensor =>
      if (tensor.name.endsWith("bias")) tensor.copy(values = tensor.values.map(_ => 0.0)) else tensor
    }
    assertLlama(QwenCases.naive2(c)(text), c)
  }

  test("Qwen 3 whose queries are nothing is Llama whose queries are nothing") {
    def without(part: String) = checkpoint("Qwen 3 8B").altered { tensor =>
      if (tensor.name.contains(part)) tensor.copy(values = tensor.values.map(_ => 0.0)) else tensor
    }
    assertLlama(QwenCases.naive3(without("q_norm"))(text), without("q_proj"))
  }

  test("Phi 3 taken apart is Llama") {
    val c = checkpoint("Phi 3 mini 4k").where("sliding_window" -> "2047")
    val s = c.settings
    val (width, inner) = (s.int("hidden_size"), s.int("intermediate_size"))
    val parts = c.tensors.flatMap { tensor =>
      val Qkv = "(.*)qkv_proj(.*)".r
      val GateUp = "(.*)gate_up_proj(.*)".r
      tensor.name match {
        case Qkv(p, end) =>
          Seq("q", "k", "v").zipWithIndex.map { case (part, i) =>
            rows(tensor, i * width, width, p + part + "_proj" + end)
          }
        case GateUp(p, end) =>
          Seq(
            rows(tensor, 0, inner, p + "gate_proj" + end),
            rows(tensor, inner, inner, p + "up_proj" + end)
          )
        case _ => Seq(tensor)
      }
    }
    assertLlama(PhiCases.naive(c)(text), c.copy(tensors = parts))
  }

  test("SmolLM 3 whose layers are all turned is Llama, and is not otherwise") {
    val c = checkpoint("SmolLM 3")
    val all = c.where("no_rope_layers" -> "[1, 1, 1, 1, 1]")
    assertLlama(SmolLm3Cases.naive(all)(text), all)
    assert(largest(SmolLm3Cases.naive(c)(text), LlamaCases.naive(c)(text)) > 0.1)
  }

  test("Granite whose factors are those of Llama is Llama") {
    val c = checkpoint("Granite 3.1 2B").where(
      "attention_multiplier" -> (1 / math.sqrt(8)).toString,
      "embedding_multiplier" -> "1",
      "residual_multiplier" -> "1",
      "logits_scaling" -> "1"
    )
    assertLlama(GraniteCases.naive(c)(text), c)
  }

  test("InternLM 2 taken apart is Llama") {
    val c = checkpoint("InternLM 2.5")
    val dims = 8
    val renamed = Seq(
      "model.tok_embeddings" -> "model.embed_tokens",
      "attention.wo" -> "self_attn.o_proj",
      "feed_forward.w1" -> "mlp.gate_proj",
      "feed_forward.w3" -> "mlp.up_proj",
      "feed_forward.w2" -> "mlp.down_proj",
      "attention_norm" -> "input_layernorm",
      "ffn_norm" -> "post_attention_layernorm"
    )
    val parts = c.tensors.flatMap { tensor =>
      val Fused = "(.*)attention.wqkv.weight".r
      tensor.name match {
        case Fused(p) =>
          // two key heads, each with three query heads before it
          val at = Map("q" -> Seq(0, 1, 2, 5, 6, 7), "k" -> Seq(3, 8), "v" -> Seq(4, 9))
          at.toSeq.map { case (part, heads) =>
            val values = heads.flatMap(h => rows(tensor, h * dims, dims, "").values.toSeq).toArray
            NamedTensor(p + s"self_attn.${part}_proj.weight", Seq(heads.length * dims, 48), values)
          }
        case "output.weight" => Seq(tensor.copy(name = "lm_head.weight"))
        case name =>
          Seq(tensor.copy(name = renamed.foldLeft(name) { case (n, (from, to)) => n.replace(from, to) }))
      }
    }
    val plain = c.copy(tensors = parts).where("rope_scaling" -> "null")
    assertLlama(InternLm2Cases.naive(c)(text), plain)
  }

  test("Gemma 3 whose windows are wide and whose bases are one sees what it would without windows") {
    val c = checkpoint("Gemma 3 1B").where("rope_local_base_freq" -> "1000000")
    val wide = c.where("sliding_window" -> "17")
    val other = c.where("sliding_window_pattern" -> "1", "sliding_window" -> "1")
    assert(largest(GemmaCases.naive3(wide)(text), GemmaCases.naive3(other)(text)) < 1e-9)
    assert(largest(GemmaCases.naive3(wide)(text), GemmaCases.naive3(c)(text)) > 0.1)
  }

  test("Gemma 2 with wide bounds is bounded by nothing") {
    val c = checkpoint("Gemma 2 2B")
    def logits(attention: String, last: String) =
      GemmaCases.naive2(c.where("attn_logit_softcapping" -> attention, "final_logit_softcapping" -> last))(
        text
      )
    assert(largest(logits("1e7", "1e7"), logits("1e8", "1e8")) < 1e-6)
    assert(largest(logits("5", "1e8"), logits("1e8", "1e8")) > 0.1)
    assert(logits("1e8", "3").flatMap(_.toSeq).forall(math.abs(_) <= 3))
  }

  test("turning neighbours is turning the halves of the reordered head") {
    val head = Array(0.3, -1.2, 0.7, 0.1, 2.0, -0.4, 5.0, 6.0)
    val frequencies = NaiveRope.plain(6, 10000)
    val order = Seq(0, 2, 4, 1, 3, 5, 6, 7)
    val halves = turnHalves(order.map(head(_)).toArray, 5, frequencies)
    val neighbours = turnNeighbours(head, 5, frequencies)
    for ((from, i) <- order.zipWithIndex) assert(math.abs(neighbours(from) - halves(i)) < 1e-12)
  }

  test("the exact and the approximate GELU are near each other and known at one") {
    assert(math.abs(gelu(1) - 0.8413447460685429) < 1e-12)
    assert(math.abs(geluTanh(1) - 0.8411919906082768) < 1e-12)
    for (x <- Seq(-4.0, -1.0, -0.1, 0.0, 0.5, 3.0)) assert(math.abs(gelu(x) - geluTanh(x)) < 1e-3)
  }
}
