package org.longform.kernels.model

import java.nio.ByteBuffer
import java.nio.file.Path
import java.util.SplittableRandom

import scala.collection.JavaConverters._

import org.longform.kernels.tensor.{BlockFormat, DType, HalfFloats, Memory, Shape}
import org.longform.kernels.weights.{GgufMetadata, GgufWriter, TensorSpec}

/** A Llama of a given shape with random weights and a vocabulary of bytes and made-up words, as a GGUF file
  * that llama.cpp reads, too. The same few thousand blocks are repeated in every matrix, so that a file is
  * written as fast as the disk takes it.
  */
final case class RandomLlama(
    layers: Int,
    hidden: Int,
    heads: Int,
    kvHeads: Int,
    headDim: Int,
    intermediate: Int,
    vocabulary: Int,
    tied: Boolean,
    dtype: DType,
    window: Int = 4096
) {
  require(vocabulary >= RandomLlama.FirstWord, "a vocabulary begins with 3 special tokens and 256 bytes")

  private def matrix(name: String, rows: Int, columns: Int) =
    new TensorSpec(name + ".weight", dtype, Shape.of(rows.toLong, columns.toLong))

  private def norm(name: String) = new TensorSpec(name + ".weight", DType.F32, Shape.of(hidden.toLong))

  def tensors: Seq[TensorSpec] = {
    val inLayers = (0 until layers).flatMap { l =>
      Seq(
        norm(s"blk.$l.attn_norm"),
        matrix(s"blk.$l.attn_q", heads * headDim, hidden),
        matrix(s"blk.$l.attn_k", kvHeads * headDim, hidden),
        matrix(s"blk.$l.attn_v", kvHeads * headDim, hidden),
        matrix(s"blk.$l.attn_output", hidden, heads * headDim),
        norm(s"blk.$l.ffn_norm"),
        matrix(s"blk.$l.ffn_gate", intermediate, hidden),
        matrix(s"blk.$l.ffn_up", intermediate, hidden),
        matrix(s"blk.$l.ffn_down", hidden, intermediate)
      )
    }
    (matrix("token_embd", vocabulary, hidden) +: inLayers :+ norm("output_norm")) ++
      (if (tied) Nil else Seq(matrix("output", vocabulary, hidden)))
  }

  def metadata: GgufMetadata = {
    val ids = 0 until vocabulary
    new GgufMetadata()
      .putText("general.architecture", "llama")
      .putUint32("llama.context_length", window.toLong)
      .putUint32("llama.embedding_length", hidden.toLong)
      .putUint32("llama.block_count", layers.toLong)
      .putUint32("llama.feed_forward_length", intermediate.toLong)
      .putUint32("llama.attention.head_count", heads.toLong)
      .putUint32("llama.attention.head_count_kv", kvHeads.toLong)
      .putUint32("llama.attention.key_length", headDim.toLong)
      .putUint32("llama.attention.value_length", headDim.toLong)
      .putUint32("llama.rope.dimension_count", headDim.toLong)
      .putUint32("llama.vocab_size", vocabulary.toLong)
      .putFloat32("llama.attention.layer_norm_rms_epsilon", 1e-5)
      .putFloat32("llama.rope.freq_base", 500000)
      .putText("tokenizer.ggml.model", "llama")
      .putTexts("tokenizer.ggml.tokens", ids.map(RandomLlama.token).asJava)
      .putFloat32s("tokenizer.ggml.scores", ids.map(-_.toDouble).toArray)
      .putInt32s("tokenizer.ggml.token_type", ids.map(RandomLlama.kind).toArray)
      .putUint32("tokenizer.ggml.unknown_token_id", 0)
      .putUint32("tokenizer.ggml.bos_token_id", 1)
      .putUint32("tokenizer.ggml.eos_token_id", 2)
  }

  def write(file: Path): Path = {
    val blocks = pool
    val writer = GgufWriter.create(file, metadata, tensors.asJava)
    try {
      tensors.foreach { tensor =>
        if (tensor.shape().rank() == 1) writer.write(Array.fill(hidden)(1f))
        else {
          var left = tensor.dtype().bytes(tensor.shape().elements())
          while (left > 0) {
            val some = math.min(left, blocks.length.toLong)
            writer.write(ByteBuffer.wrap(blocks, 0, some.toInt))
            left -= some
          }
        }
      }
      writer.finish()
    } finally writer.close()
    file
  }

  /** Blocks of normally distributed weights, as many as the largest matrix has; but at most a prime number of
    * them, so that rows are no copies of each other.
    */
  private def pool: Array[Byte] = {
    val random = new SplittableRandom(1)
    val largest = tensors.filter(_.shape().rank() > 1).map(_.shape().elements()).max
    val count = math.min(largest, RandomLlama.PoolBlocks * dtype.blockElements()).toInt
    val values = Array.fill(count)((random.nextGaussian() / math.sqrt(hidden.toDouble)).toFloat)
    val bytes = new Array[Byte](dtype.bytes(count.toLong).toInt)
    val memory = Memory.allocate(bytes.length.toLong)
    try {
      if (dtype.isQuantised) BlockFormat.encode(dtype, values, memory, 0)
      else if (dtype == DType.F32) memory.write(0, values, 0, count)
      else {
        val half = if (dtype == DType.F16) HalfFloats.toF16 _ else HalfFloats.toBf16 _
        memory.writeShorts(0, values.map(half), count)
      }
      memory.readBytes(0, bytes, 0, bytes.length)
      bytes
    } finally memory.close()
  }
}

object RandomLlama {
  private val FirstWord = 3 + 256
  private val PoolBlocks = 40009L

  /** SentencePiece's order: unknown, begin, end, the bytes, words. */
  def token(id: Int): String =
    if (id < 3) Seq("<unk>", "<s>", "</s>")(id)
    else if (id < FirstWord) f"<0x${id - 3}%02X>"
    else s"\u2581w$id"

  private def kind(id: Int): Long = if (id == 0) 2 else if (id < 3) 3 else if (id < FirstWord) 6 else 1
}
