package org.longform.kernels.weights.checkpoint

import org.longform.kernels.model.TinyModel
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.checkpoint.Checkpoints.Packed

import scala.util.Random

/** The list of ways to store the matrices of a model. To add one: one entry. */
object CheckpointCases {
  val plain =
    TinyModel(heads = 4, kvHeads = 2, headDim = 16, hidden = 64, intermediate = 96, layers = 2, seed = 11)

  /** A way to store matrices.
    *
    * @param config
    *   the object `quantization_config`
    * @param pack
    *   a matrix of so many rows and columns
    * @param became
    *   what a matrix is turned into
    */
  final case class Case(
      name: String,
      config: String,
      became: DType,
      exact: Boolean,
      key: String = "quantization_config"
  )(val pack: (Int, Int, Random) => Packed)

  def compressed(format: String, weights: String, more: String = ""): String =
    s"""{"quant_method":"compressed-tensors","format":"$format","quantization_status":"compressed",
       |"ignore":["lm_head"],"kv_cache_scheme":null$more,
       |"config_groups":{"group_0":{"targets":["Linear"],"input_activations":null,"weights":{$weights}}}}""".stripMargin

  def gptq(bits: Int, group: Int, more: String): String =
    s"""{"quant_method":"gptq","bits":$bits,"group_size":$group$more}"""

  val awq = """{"quant_method":"awq","bits":4,"group_size":32,"zero_point":true,"version":"gemm"}"""

  val fp8 =
    """{"quant_method":"fp8","activation_scheme":"dynamic","fmt":"e4m3","weight_block_size":[24,40]}"""

  val cases: Seq[Case] = Seq(
    Case("awq", awq, DType.Q5_0, exact = true)(Checkpoints.awq(_, _, 32, _)),
    Case("awq in groups of 16", awq.replace("32", "16"), DType.F16, exact = false)(
      Checkpoints.awq(_, _, 16, _)
    ),
    Case("gptq, symmetric", gptq(4, 32, ",\"sym\":true"), DType.Q4_0, exact = true)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = true, ordered = false, 1, _)
    ),
    Case("gptq with zero points", gptq(4, 32, ",\"sym\":false"), DType.Q5_0, exact = true)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = false, ordered = false, 1, _)
    ),
    Case(
      "gptq_v2 with zero points",
      gptq(4, 32, ",\"sym\":false,\"checkpoint_format\":\"gptq_v2\""),
      DType.Q5_0,
      exact = true
    )(Checkpoints.gptq(_, _, 4, 32, symmetric = false, ordered = false, 0, _)),
    Case("gptq in the order of activations", gptq(4, 32, ",\"desc_act\":true"), DType.F16, exact = false)(
      Checkpoints.gptq(_, _, 4, 32, symmetric = true, ordered = true, 1, _)
    ),
    Case("gptq of whole rows", gptq(4, -1, ""), DType.Q4_0, exact = true)((out, in, random) =>
      Checkpoints.gptq(out, in, 4, in, symmetric = true, ordered = false, 1, random).without(".g_idx")
    ),
    Case("gptq of 8 bits", gptq(8, 32, ",\"sym\":true"), DType.Q8_0, exact = true)(
      Checkpoints.gptq(_, _, 8, 32, symmetric = true, ordered = false, 1, _)
    ),
    Case(
      "int4, symmetric",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":32,\"symmetric\":true"
      ),
      DType.Q4_0,
      exact = true
    )(Checkpoints.packed(_, _, 4, 32, symmetric = true, ordered = false, _)),
    Case(
      "int4 with zero points",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":32,\"symmetric\":false"
      ),
      DType.Q5_0,
      exact = true,
      key = "compression_config"
    )(Checkpoints.packed(_, _, 4, 32, symmetric = false, ordered = false, _)),
    Case(
      "int4 whose groups lie anywhere",
      compressed(
        "pack-quantized",
        "\"num_bits\":4,\"strategy\":\"group\",\"group_size\":32,\"actorder\":\"group\""
      ),
      DType.F16,
      exact = true // eight bits of a scale by levels to 7 have eleven
    )(Checkpoints.packed(_, _, 4, 32, symmetric = true, ordered = true, _)),
    Case(
      "int4 of whole rows",
      compressed("pack-quantized", "\"num_bits\":4,\"strategy\":\"channel\",\"symmetric\":true"),
      DType.Q4_0,
      exact = true
    )(Checkpoints.packed(_, _, 4, 0, symmetric = true, ordered = false, _)),
    Case(
      "packed int8",
      compressed("pack-quantized", "\"num_bits\":8,\"strategy\":\"group\",\"group_size\":32"),
      DType.Q8_0,
      exact = true
    )(Checkpoints.packed(_, _, 8, 32, symmetric = true, ordered = false, _)),
    Case(
      "int8 of whole rows",
      compressed(
        "int-quantized",
        "\"num_bits\":8,\"type\":\"int\",\"strategy\":\"channel\",\"symmetric\":true"
      ),
      DType.Q8_0,
      exact = true
    )(Checkpoints.int8(_, _, 1, Int.MaxValue, symmetric = true, _)),
    Case(
      "int8 with one scale and zero point",
      compressed("int-quantized", "\"num_bits\":8,\"strategy\":\"tensor\",\"symmetric\":false"),
      DType.F16,
      exact = false
    )(Checkpoints.int8(_, _, Int.MaxValue, Int.MaxValue, symmetric = false, _)),
    Case(
      "compressed float8",
      compressed("float-quantized", "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"channel\""),
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", _)),
    Case(
      "compressed float8 in blocks",
      compressed(
        "naive-quantized",
        "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"block\",\"block_structure\":[24,40]"
      ),
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 24, 40, "F8_E4M3", ".weight_scale", _)),
    Case("float8 in blocks", fp8, DType.F16, exact = false)(
      Checkpoints.floats(_, _, 24, 40, "F8_E4M3", ".weight_scale_inv", _)
    ),
    Case("float8 with one scale", """{"quant_method":"fp8"}""", DType.F16, exact = false)(
      Checkpoints.floats(_, _, Int.MaxValue, Int.MaxValue, "F8_E4M3", ".weight_scale", _)
    ),
    Case("float8 of five exponent bits", """{"quant_method":"fp8"}""", DType.F16, exact = false)(
      Checkpoints.floats(_, _, Int.MaxValue, Int.MaxValue, "F8_E5M2", ".weight_scale", _, 0x5b)
    ),
    Case(
      "fbgemm",
      """{"quant_method":"fbgemm_fp8","activation_scale_ub":1200.0}""",
      DType.F16,
      exact = false
    )(Checkpoints.floats(_, _, 1, Int.MaxValue, "F8_E4M3", ".weight_scale", _))
  )

  def config(key: String, text: String): String = s""","$key":$text"""

  def module(name: String): String = name.stripSuffix(".weight")

  /** The checkpoint, and the plain model that has its values. */
  def models(of: Case, change: (String, Packed) => Packed = (_, p) => p): (TinyModel, TinyModel) = {
    val random = new Random(5)
    val packed = plain.matrices.map { case (name, out, in) => name -> change(name, of.pack(out, in, random)) }
    val values = plain.copy(altered = packed.map { case (name, p) => name -> p.values }.toMap)
    val stored = values.copy(
      stored = packed.map { case (name, p) => name -> p.entries(module(name)) }.toMap,
      rope = config(of.key, of.config)
    )
    (stored, values)
  }
}
