package org.longform.kernels.model

/** Tokens on their way through the layers of a Llama, in float64 and as HOMER's paper has it: keys are kept
  * rotated, every query meets every earlier key, one head after the other.
  *
  * @param ids
  *   token, position and origin of each
  * @param stream
  *   residual stream before the next layer
  * @param keys
  *   [layer][token], rotated
  * @param values
  *   [layer][token]
  * @param significance
  *   of each token: the last query's largest logit over all heads in the last layer
  */
final case class NaivePassage(
    model: TinyModel,
    ids: Seq[(Int, Double, Long)],
    stream: Seq[Array[Double]],
    keys: Seq[Seq[Array[Double]]] = Nil,
    values: Seq[Seq[Array[Double]]] = Nil,
    significance: Seq[Double] = Nil,
    probabilities: Map[(Int, Int, Int), Seq[Double]] = Map.empty
) {
  import model._
  import NaivePassage._

  def layersRun: Int = keys.size

  /** Runs layers up to `to`; `choose` says which tokens stay after the last one's attention. */
  def run(to: Int)(choose: Seq[Double] => Seq[Int]): NaivePassage = {
    var here = this
    while (here.layersRun < to) {
      val attended = here.attention()
      val chosen = if (attended.layersRun == to) choose(attended.significance) else ids.indices
      here = attended.feedForward(chosen).keep(chosen)
    }
    if (layersRun == to) {
      val chosen = choose(significance)
      here = copy(stream = chosen.map(stream)).keep(chosen)
    }
    here
  }

  private def keep(chosen: Seq[Int]): NaivePassage = copy(
    ids = chosen.map(ids),
    keys = keys.map(layer => chosen.map(layer)),
    values = values.map(layer => chosen.map(layer)),
    significance = chosen.map(significance)
  )

  /** Without the feed-forward part; the stream is still that of all tokens. */
  private def attention(): NaivePassage = {
    val layer = layersRun
    val p = s"model.layers.$layer."
    val normed = stream.map(norm(model, _, p + "input_layernorm"))
    val positions = ids.map(_._2)
    def heads(name: String, count: Int) =
      normed.map(x => linear(model, p + name, x).grouped(headDim).take(count).toSeq)
    def turned(all: Seq[Seq[Array[Double]]]) =
      all.zip(positions).map { case (own, at) => own.map(rotate(_, at)) }
    val q = turned(heads("self_attn.q_proj", model.heads))
    val k = turned(heads("self_attn.k_proj", kvHeads))
    val v = heads("self_attn.v_proj", kvHeads)
    val shares = model.heads / kvHeads
    var told = probabilities
    val mixed = ids.indices.map { t =>
      val out = (0 until model.heads).flatMap { h =>
        val logits = (0 to t).map(s => dot(q(t)(h), k(s)(h / shares)) / math.sqrt(headDim.toDouble))
        val exps = logits.map(x => math.exp(x - logits.max))
        val weights = exps.map(_ / exps.sum)
        told += (layer, h, t) -> weights
        (0 until headDim).map(d => (0 to t).map(s => weights(s) * v(s)(h / shares)(d)).sum)
      }
      linear(model, p + "self_attn.o_proj", out.toArray)
    }
    val last = ids.size - 1
    copy(
      stream = stream.zip(mixed).map { case (x, y) => plus(x, y) },
      keys = keys :+ k.map(_.flatten.toArray),
      values = values :+ v.map(_.flatten.toArray),
      significance = ids.indices.map(s =>
        (0 until model.heads)
          .map(h => dot(q(last)(h), k(s)(h / shares)) / math.sqrt(headDim.toDouble))
          .max
      ),
      probabilities = told
    )
  }

  private def feedForward(chosen: Seq[Int]): NaivePassage = {
    val p = s"model.layers.${layersRun - 1}."
    copy(stream = chosen.map(stream).map { x =>
      val in = norm(model, x, p + "post_attention_layernorm")
      val gate = linear(model, p + "mlp.gate_proj", in)
      val up = linear(model, p + "mlp.up_proj", in)
      plus(
        x,
        linear(model, p + "mlp.down_proj", gate.zip(up).map { case (g, u) => g / (1 + math.exp(-g)) * u })
      )
    })
  }

  def logits: Array[Double] = {
    val head = if (tied) "model.embed_tokens.weight" else "lm_head.weight"
    times(weights(head), norm(model, stream.last, "model.norm"))
  }

  /** The next token, read behind this passage. */
  def step(id: Int): NaivePassage = {
    val at = ids.last._2 + 1
    var x = embedding(model, id)
    var all = this
    for (layer <- 0 until layers) {
      val p = s"model.layers.$layer."
      val in = norm(model, x, p + "input_layernorm")
      def heads(name: String) = linear(model, p + name, in).grouped(headDim).toSeq
      val q = heads("self_attn.q_proj").map(rotate(_, at))
      val k = heads("self_attn.k_proj").flatMap(rotate(_, at)).toArray
      val v = heads("self_attn.v_proj").flatten.toArray
      all = all.copy(
        keys = all.keys.updated(layer, all.keys(layer) :+ k),
        values = all.values.updated(layer, all.values(layer) :+ v)
      )
      val shares = model.heads / kvHeads
      val out = (0 until model.heads).flatMap { h =>
        def part(row: Array[Double]) = row.slice(h / shares * headDim, (h / shares + 1) * headDim)
        val logits = all.keys(layer).map(row => dot(q(h), part(row)) / math.sqrt(headDim.toDouble))
        val exps = logits.map(y => math.exp(y - logits.max))
        (0 until headDim).map(d =>
          exps.zip(all.values(layer)).map { case (e, row) => e / exps.sum * part(row)(d) }.sum
        )
      }
      x = plus(x, linear(model, p + "self_attn.o_proj", out.toArray))
      val normed = norm(model, x, p + "post_attention_layernorm")
      val gate = linear(model, p + "mlp.gate_proj", normed)
      val up = linear(model, p + "mlp.up_proj", normed)
      x = plus(
        x,
        linear(model, p + "mlp.down_proj", gate.zip(up).map { case (g, u) => g / (1 + math.exp(-g)) * u })
      )
    }
    all.copy(ids = ids :+ ((id, at, -1L)), stream = Seq(x))
  }
}

object NaivePassage {
  private type Vec = Array[Double]

  def begin(model: TinyModel, ids: Seq[(Int, Double, Long)]): NaivePassage =
    NaivePassage(model, ids, ids.map(token => embedding(model, token._1)))

  /** Means of the first `head` and the last `tail` tokens, what is between side by side. */
  def join(left: NaivePassage, right: NaivePassage, head: Int, tail: Int): NaivePassage = {
    def rows(a: Seq[Vec], b: Seq[Vec]): Seq[Vec] =
      means(a.take(head), b.take(head)) ++ a.slice(head, a.size - tail) ++
        b.slice(head, b.size - tail) ++ means(a.takeRight(tail), b.takeRight(tail))
    left.copy(
      ids = left.ids.dropRight(tail) ++ right.ids.drop(head),
      stream = rows(left.stream, right.stream),
      keys = left.keys.zip(right.keys).map { case (a, b) => rows(a, b) },
      values = left.values.zip(right.values).map { case (a, b) => rows(a, b) },
      significance = left.significance.dropRight(tail) ++ right.significance.drop(head)
    )
  }

  private def means(a: Seq[Vec], b: Seq[Vec]): Seq[Vec] =
    a.zip(b).map { case (x, y) => x.zip(y).map { case (u, w) => (u + w) / 2 } }

  def embedding(model: TinyModel, id: Int): Vec =
    model.weights("model.embed_tokens.weight").slice(id * model.hidden, (id + 1) * model.hidden)

  def rotate(head: Vec, position: Double): Vec = {
    val half = head.length / 2
    val turned = head.clone()
    for (i <- 0 until half) {
      val angle = position / math.pow(10000, i.toDouble / half)
      turned(i) = head(i) * math.cos(angle) - head(i + half) * math.sin(angle)
      turned(i + half) = head(i) * math.sin(angle) + head(i + half) * math.cos(angle)
    }
    turned
  }

  private def norm(model: TinyModel, x: Vec, name: String): Vec = {
    val root = math.sqrt(x.map(v => v * v).sum / x.length + 1e-5)
    x.zip(model.weights(name + ".weight")).map { case (v, gain) => v / root * gain }
  }

  private def linear(model: TinyModel, name: String, x: Vec): Vec =
    times(model.weights(name + ".weight"), x)

  private def times(matrix: Vec, x: Vec): Vec = matrix.grouped(x.length).map(dot(_, x)).toArray

  private def dot(a: Vec, b: Vec): Double = a.indices.map(i => a(i) * b(i)).sum

  private def plus(a: Vec, b: Vec): Vec = a.zip(b).map { case (x, y) => x + y }
}
