package org.longform.kernels.model

/** Llama in float64, one token and one head after the other, written from the public description: pre-norm
  * layers, rotary positions on the two halves of a head, grouped queries, SwiGLU.
  */
final class NaiveDecoder(model: TinyModel, frequencies: Array[Double], attentionFactor: Double = 1.0) {
  import model._

  private type Vec = Array[Double]

  /** Logits after each token. */
  def logits(tokens: Seq[Int]): Seq[Vec] = {
    var stream: Seq[Vec] =
      tokens.map(id => weights("model.embed_tokens.weight").slice(id * hidden, (id + 1) * hidden))
    for (l <- 0 until layers) {
      val p = s"model.layers.$l."
      val mixed = attention(p, stream.map(norm(_, p + "input_layernorm")))
      stream = stream.zip(mixed).map { case (x, y) => plus(x, y) }
      stream = stream.map(x => plus(x, feedForward(p, norm(x, p + "post_attention_layernorm"))))
    }
    val head = if (tied) "model.embed_tokens.weight" else "lm_head.weight"
    stream.map(x => times(weights(head), norm(x, "model.norm")))
  }

  private def attention(p: String, inputs: Seq[Vec]): Seq[Vec] = {
    val queries = inputs.map(linear(p + "self_attn.q_proj", _))
    val keys = inputs.map(linear(p + "self_attn.k_proj", _))
    val values = inputs.map(linear(p + "self_attn.v_proj", _))
    def head(all: Vec, h: Int): Vec = all.slice(h * headDim, (h + 1) * headDim)
    inputs.indices.map { t =>
      val out = (0 until heads).flatMap { h =>
        val group = h / (heads / kvHeads)
        val query = rotate(head(queries(t), h), t)
        val logits = (0 to t).map { s =>
          dot(query, rotate(head(keys(s), group), s)) / math.sqrt(headDim.toDouble)
        }
        val exps = logits.map(x => math.exp(x - logits.max))
        (0 until headDim).map { d =>
          (0 to t).map(s => exps(s) / exps.sum * head(values(s), group)(d)).sum
        }
      }.toArray
      linear(p + "self_attn.o_proj", out)
    }
  }

  private def feedForward(p: String, x: Vec): Vec = {
    val gate = linear(p + "mlp.gate_proj", x)
    val up = linear(p + "mlp.up_proj", x)
    linear(p + "mlp.down_proj", gate.zip(up).map { case (g, u) => g / (1 + math.exp(-g)) * u })
  }

  private def rotate(head: Vec, position: Int): Vec = {
    val half = head.length / 2
    val turned = head.clone()
    for (i <- 0 until half) {
      val (c, s) = (math.cos(position * frequencies(i)), math.sin(position * frequencies(i)))
      turned(i) = attentionFactor * (head(i) * c - head(i + half) * s)
      turned(i + half) = attentionFactor * (head(i) * s + head(i + half) * c)
    }
    turned
  }

  private def norm(x: Vec, name: String): Vec = {
    val root = math.sqrt(x.map(v => v * v).sum / x.length + 1e-5)
    x.zip(weights(name + ".weight")).map { case (v, gain) => v / root * gain }
  }

  private def linear(name: String, x: Vec): Vec = {
    val y = times(weights(name + ".weight"), x)
    weights.get(name + ".bias").fold(y)(plus(y, _))
  }

  private def times(matrix: Vec, x: Vec): Vec = matrix.grouped(x.length).map(dot(_, x)).toArray

  private def dot(a: Vec, b: Vec): Double = a.indices.map(i => a(i) * b(i)).sum

  private def plus(a: Vec, b: Vec): Vec = a.zip(b).map { case (x, y) => x + y }
}

object NaiveDecoder {

  /** Frequencies as in the RoFormer paper. */
  def plainFrequencies(dims: Int, theta: Double = 10000): Array[Double] =
    Array.tabulate(dims / 2)(i => 1 / math.pow(theta, 2.0 * i / dims))

  /** `-ln p` of each token but the first. */
  def surprises(logits: Seq[Array[Double]], tokens: Seq[Int]): Seq[Double] =
    logits.zip(tokens.tail).map { case (row, id) =>
      math.log(row.map(x => math.exp(x - row.max)).sum) + row.max - row(id)
    }
}
