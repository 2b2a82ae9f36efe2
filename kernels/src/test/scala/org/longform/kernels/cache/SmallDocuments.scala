package org.longform.kernels.cache

import org.longform.kernels.tensor.{MemorySource, Tensor}

/** Documents of two layers whose numbers say which token and layer they are of. */
object SmallDocuments {
  val SHAPE = new KvShape(2, 1, 4, KvDType.F16)
  val PAGE: Long = 64 * SHAPE.bytesPerToken()

  def value(layer: Int, token: Long): Float = ((token % 1000) + layer * 1000).toFloat

  def append(cache: KvCache, tokens: Int, during: => Unit = ()): Unit = {
    cache.reserve(tokens)
    val first = cache.length()
    for (layer <- 0 until SHAPE.layers()) {
      val rows =
        Tensor.of(Array.tabulate(tokens * 4)(i => value(layer, first + i / 4)), tokens.toLong, 4L)
      try cache.put(layer, rows, rows)
      finally rows.close()
    }
    during
    cache.commit()
  }

  def check(cache: KvCache, from: Long, to: Long): Unit = {
    val target = new Array[Float](4)
    for (layer <- 0 until SHAPE.layers(); row <- from until to) {
      cache.view(layer).readKey(0, row, target)
      assert(target.forall(_ == value(layer, row)), s"key of layer $layer, row $row")
      cache.view(layer).readValue(0, row, target)
      assert(target.forall(_ == value(layer, row)), s"value of layer $layer, row $row")
    }
  }

  def using[A](caches: KvCache*)(body: => A): A =
    try body
    finally caches.foreach(_.close())

  val SKETCH = 16L

  /** Pages that have sketches when a device has asked for those of all. */
  def sketch(cache: KvCache, device: MemorySource): Seq[Long] =
    (0L until cache.length() / 64).filter(page => cache.view(0).sketches(page * 64, SKETCH, device) != null)
}
