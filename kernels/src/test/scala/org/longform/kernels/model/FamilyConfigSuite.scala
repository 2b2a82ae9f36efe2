package org.longform.kernels.model

import java.nio.file.Files

import scala.collection.JavaConverters._

import org.longform.kernels.attention.PositionEncoding.{Alibi, Rope}
import org.longform.kernels.device.Activation
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.model.DecoderSpec.Trait
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

/** What each family reads from its config, and what it refuses there. */
class FamilyConfigSuite extends AnyFunSuite {
  private def spec(family: String, more: String = ""): DecoderSpec = {
    TempDirectory.use(TinyFamilies.named(family).altered(more).spec)
  }

  private def refusal(family: String, more: String, errorClass: ErrorClass): String = {
    val refused = intercept[LongformException](spec(family, more))
    assert(refused.errorClass() === errorClass)
    assert(refused.getMessage.startsWith("Cannot load model '"))
    refused.getMessage
  }

  private def windows(spec: DecoderSpec): Seq[Long] = spec.reaches().asScala.map(_.window()).toSeq

  private val no = LayerReach.UNLIMITED

  test("which layers have a window") {
    assert(windows(spec("mistral")) === Seq(9, 9, 9, 9))
    assert(windows(spec("mistral", ""","sliding_window":null""")) === Seq(no, no, no, no))
    assert(windows(spec("qwen2")) === Seq(no, no, 9, 9))
    assert(windows(spec("qwen2", ""","use_sliding_window":false""")) === Seq(no, no, no, no))
    assert(windows(spec("qwen2", ""","max_window_layers":0""")) === Seq(9, 9, 9, 9))
    val types =
      ""","layer_types":["sliding_attention","full_attention","full_attention","sliding_attention"]"""
    assert(windows(spec("qwen2", types)) === Seq(9, no, no, 9))
    assert(windows(spec("gemma2")) === Seq(9, no, 9, no))
    assert(windows(spec("gemma3_text", ""","sliding_window_pattern":3""")) === Seq(9, 9, no, 9))
    assert(windows(spec("gemma3_text", types)) === Seq(9, no, no, 9))
    assert(
      windows(spec("smollm3", ""","use_sliding_window":true,"sliding_window":7""")) === Seq(no, no, no, 7)
    )
    assert(spec("gemma2").lastFarLayer() === 3)
    assert(spec("gemma3_text", ""","sliding_window_pattern":3""").lastFarLayer() === 2)
    assert(spec("mistral").lastFarLayer() === 3)
  }

  test("a file that does not speak of the window means the family's own, and null means none") {
    def silent(family: String, architecture: String, more: String = "") =
      windows(TempDirectory.use(TinyFamilies.of(family, architecture, more).spec))
    assert(silent("mistral", "MistralForCausalLM") === Seq.fill(4)(4096))
    assert(silent("mixtral", "MixtralForCausalLM") === Seq.fill(4)(no))
    assert(silent("gemma2", "Gemma2ForCausalLM") === Seq(4096, no, 4096, no))
    val switched = ""","use_sliding_window":true,"max_window_layers":3"""
    assert(silent("qwen3", "Qwen3ForCausalLM", switched) === Seq(no, no, no, 4096))
    assert(windows(spec("gemma2", ""","sliding_window":null""")) === Seq(no, no, no, no))
  }

  test("what null says is not lost where weights are stored in fewer bits") {
    TempDirectory.use { directory =>
      val quantised = ""","quantization_config":{"quant_method":"fp8"},"attn_logit_softcapping":null,
        "final_logit_softcapping":null,"sliding_window":null"""
      Files.writeString(
        directory.resolve("config.json"),
        TinyFamilies.named("gemma2").altered(quantised).config
      )
      val read = StoredModel.spec(directory)
      assert(read.design().softCaps() === LayerDesign.SoftCaps.NONE)
      assert(windows(read) === Seq(no, no, no, no))
    }
  }

  test("layer types that are unknown or too few are refused") {
    assert(
      refusal("qwen2", ""","layer_types":["chunked_attention","x","x","x"]""", ErrorClass.UNSUPPORTED_MODEL)
        .contains(
          "layer_types = 'chunked_attention', which is unknown (known: full_attention, sliding_attention)"
        )
    )
    assert(
      refusal("qwen2", ""","layer_types":["full_attention"]""", ErrorClass.INVALID_MODEL)
        .contains("expected a word for each of 4 layers")
    )
    assert(
      refusal("smollm3", ""","no_rope_layers":[1,0]""", ErrorClass.INVALID_MODEL)
        .contains("no_rope_layers = [1, 0], expected true or false for each of 4 layers")
    )
    assert(
      refusal("smollm3", ""","no_rope_layers":[1,0,2,1]""", ErrorClass.INVALID_MODEL).contains(
        "no_rope_layers"
      )
    )
  }

  test("biases and tied matrices follow the family's own defaults") {
    assert(spec("qwen2").traits().asScala.toSet === Set(Trait.QKV_BIAS))
    assert(spec("qwen2", ""","tie_word_embeddings":true""").has(Trait.TIED_EMBEDDINGS))
    assert(spec("gemma2").has(Trait.TIED_EMBEDDINGS))
    assert(!spec("gemma2", ""","tie_word_embeddings":false""").has(Trait.TIED_EMBEDDINGS))
    assert(spec("mpt").has(Trait.TIED_EMBEDDINGS))
    assert(
      spec("qwen3", ""","attention_bias":true""").traits().asScala.toSet === Set(
        Trait.QKV_BIAS,
        Trait.OUTPUT_BIAS
      )
    )
  }

  test("a head of Qwen 3 has 128 dimensions where the file does not tell") {
    assert(spec("qwen3", ""","head_dim":null""").headDim() === 128)
  }

  test("longrope has one list within the first window and another beyond it, and one factor for both") {
    val phi = spec("phi3")
    assert(phi.trainedWindow() === 16)
    val near = phi.rope().encoding(16)
    val far = phi.rope().encoding(17)
    val plain = Rope.plain(8, 10000).inverseFrequencies()
    for (i <- 0 until 4) {
      assert(math.abs(near.inverseFrequencies()(i) - plain(i) / (1.25 + 0.25 * i)) < 1e-12)
      assert(math.abs(far.inverseFrequencies()(i) - plain(i) / (2.5 + 0.5 * i)) < 1e-12)
    }
    // 128 / 16 times longer
    assert(math.abs(near.attentionFactor() - math.sqrt(1 + math.log(8) / math.log(16))) < 1e-12)
    assert(far.attentionFactor() === near.attentionFactor())
    val short = """,
      "rope_scaling":{"type":"su","short_factor":[1,1],"long_factor":[1,1,1,1]}"""
    assert(
      refusal("phi3", short, ErrorClass.INVALID_MODEL).contains(
        "short_factor = [1, 1], expected 4 numbers above 0"
      )
    )
    assert(
      refusal("phi3", ""","original_max_position_embeddings":1""", ErrorClass.INVALID_MODEL).contains(
        "has a scaling of type longrope for a window of 1 tokens, expected at least 2"
      )
    )
    def lists(far: String) = spec(
      "phi3",
      s""","rope_scaling":{"type":"su","short_factor":[1,1,1,1],"long_factor":$far}"""
    )
    assert(Alike.compute(lists("[1,2,3,4]"), lists("[1,2,3,4.00001]")))
    assert(!Alike.compute(lists("[1,2,3,4]"), lists("[1,2,3,5]")))
  }

  test("Gemma's factors: root of the width in the numbers of the file, scale of q·k, soft caps") {
    assert(spec("gemma2").design().scales().embedding() === math.sqrt(24).toFloat.toDouble)
    // 4.898979 between 4.875 and 4.90625
    assert(spec("gemma2", ""","torch_dtype":"bfloat16"""").design().scales().embedding() === 4.90625)
    assert(spec("gemma3_text", ""","dtype":"float16"""").design().scales().embedding() === 4.8984375)
    assert(math.abs(spec("gemma2", ""","query_pre_attn_scalar":144""").attentionScale() - 1.0 / 12) < 1e-15)
    assert(spec("gemma2").design().softCaps() === new LayerDesign.SoftCaps(50, 30))
    val none = ""","attn_logit_softcapping":null,"final_logit_softcapping":null"""
    assert(spec("gemma2", none).design().softCaps() === LayerDesign.SoftCaps.NONE)
    assert(spec("gemma3_text").design().softCaps() === LayerDesign.SoftCaps.NONE)
    assert(spec("gemma3_text", ""","final_logit_softcapping":20.0""").design().softCaps().logits() === 20)
    assert(spec("gemma2").design().activation() === Activation.GELU_TANH)
  }

  test("Gemma 3 rotates layers with a window by a base of their own, which is never scaled") {
    val scaled =
      ""","rope_theta":1000000.0,"rope_local_base_freq":5000.0,"rope_scaling":{"rope_type":"linear","factor":8.0}"""
    val gemma = spec("gemma3_text", scaled)
    val frequencies = gemma.encodings(10).asScala.take(2).map(_.asInstanceOf[Rope].inverseFrequencies().toSeq)
    assert(frequencies.head === Rope.plain(8, 5000).inverseFrequencies().toSeq)
    assert(frequencies(1) === Rope.plain(8, 1e6).inverseFrequencies().toSeq.map(_ / 8))
    val sections = """,
      "rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1000000.0},
      "sliding_attention":{"rope_type":"default","rope_theta":5000.0}}"""
    val newer = spec("gemma3_text", sections)
    assert(
      newer.encodings(10).asScala.take(2).map(_.asInstanceOf[Rope].inverseFrequencies().toSeq) === frequencies
    )
    assert(
      refusal("gemma3_text", ""","use_bidirectional_attention":true""", ErrorClass.UNSUPPORTED_MODEL)
        .contains("use_bidirectional_attention = 'true', which is unknown (known: false)")
    )
  }

  test("SmolLM 3 rotates nothing in every fourth layer, or where the file says so") {
    def rotated(more: String) =
      spec("smollm3", more).encodings(5).asScala.map(_.asInstanceOf[Rope].pairs() > 0)
    assert(rotated("") === Seq(true, true, true, false))
    assert(rotated(""","no_rope_layers":[0,1,1,0]""") === Seq(false, true, true, false))
    assert(rotated(""","no_rope_layer_interval":2""") === Seq(true, false, true, false))
  }

  test("MPT's slopes, for numbers of heads that are powers of two and others") {
    def slopes(heads: Int) = AlibiSpec.of(heads, 8).encoding(1).asInstanceOf[Alibi].slopes().toSeq
    assert(slopes(4) === Seq(0.25, 0.0625, 0.015625, 0.00390625))
    // of those for 8 heads every second one, then the others
    assert(slopes(6) === Seq(2, 4, 6, 8, 1, 3).map(i => math.pow(2, -i.toDouble)))
    assert(slopes(1) === Seq(math.pow(2, -8)))
  }

  test("what the engine cannot compute of MPT and GPT-J is refused") {
    val attention = """,
      "attn_config":{"alibi":false}"""
    assert(refusal("mpt", attention, ErrorClass.UNSUPPORTED_MODEL).contains("attn_config.alibi = 'false'"))
    assert(refusal("mpt", ""","no_bias":false""", ErrorClass.UNSUPPORTED_MODEL).contains("no_bias = 'false'"))
    assert(refusal("mpt", ""","d_model":-1""", ErrorClass.INVALID_MODEL).contains("d_model = -1"))
    assert(
      refusal("gptj", ""","rotary_dim":12""", ErrorClass.INVALID_MODEL)
        .contains("rotary_dim = 12, expected an even number of at most 8")
    )
    assert(
      refusal("gptj", ""","n_head":5""", ErrorClass.INVALID_MODEL).contains(
        "n_head = 5, which does not divide n_embd"
      )
    )
    assert(
      refusal("mixtral", ""","num_experts_per_tok":6""", ErrorClass.INVALID_MODEL)
        .contains("num_experts_per_tok = 6, expected at most 5")
    )
    // names of all of them are made before a weight is found
    val many = ""","num_hidden_layers":4096,"num_local_experts":17"""
    assert(
      refusal("mixtral", many, ErrorClass.INVALID_MODEL)
        .contains("num_local_experts = 17, expected at most 16 in each of 4096 layers")
    )
    assert(
      refusal("granite", ""","hidden_act":"relu"""", ErrorClass.UNSUPPORTED_MODEL).contains(
        "hidden_act = 'relu'"
      )
    )
  }
}
