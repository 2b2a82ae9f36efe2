package org.longform.kernels.cache

import java.nio.file.{Files, Path}

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.Tensor
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.util.Random

/** Rows of which each layer and head keeps its own, moved together, in memory and on disk. */
class GatherSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val directory: Path = Files.createTempDirectory("gather-suite")
  private val shape = new KvShape(2, 3, 4)

  override def afterAll(): Unit = Files.delete(directory)

  private def mark(layer: Int, head: Int, token: Long, d: Int): Float =
    (((token * 2 + layer) * 3 + head) * 4 + d).toFloat

  private def append(cache: KvCache, tokens: Int): Unit = {
    val first = cache.length()
    cache.reserve(tokens)
    for (layer <- 0 until 2) {
      def block(sign: Float) = Tensor.of(
        Array.tabulate(tokens * 12)(i => sign * mark(layer, i % 12 / 4, first + i / 12, i % 4)),
        tokens.toLong,
        12L
      )
      val (keys, values) = (block(1), block(-1))
      cache.put(layer, keys, values)
      keys.close()
      values.close()
    }
    cache.commit()
  }

  /** What a cache should hold: for each layer and head its tokens in order. */
  private type Held = Map[(Int, Int), IndexedSeq[Long]]

  private def assertHolds(cache: KvCache, held: Held): Unit = {
    val rows = cache.held().toArray(0)
    val (key, value) = (new Array[Float](4), new Array[Float](4))
    for (((layer, head), tokens) <- held) {
      val view = cache.view(layer)
      assert(rows.map(view.token(head, _)).toSeq == tokens)
      for ((row, token) <- rows.zip(tokens)) {
        view.readKey(head, row, key)
        view.readValue(head, row, value)
        assert(key.indices.forall(d => key(d) == mark(layer, head, token, d) && value(d) == -key(d)))
      }
    }
  }

  private def gathering(random: Random, held: Rows, count: Int): Gathering = {
    val rows = held.toArray(0)
    def some: Array[Long] = random.shuffle(rows.toSeq).take(count).sorted.toArray
    random.nextInt(3) match {
      case 0 => Gathering.of(Rows.of(some: _*))
      case 1 => new Gathering(Seq.fill(2)(Rows.of(some: _*)).asJava)
      case _ =>
        new Gathering(
          Seq.fill(2)((0 until 3).foldLeft(Rows.builder())((b, _) => b.group(some: _*)).build()).asJava
        )
    }
  }

  private def after(cache: KvCache, held: Held, wanted: Gathering): Held = {
    val place = cache.held().toArray(0).zipWithIndex.toMap
    held.map { case ((layer, head), tokens) =>
      val rows = wanted.rows(layer)
      (layer, head) -> rows
        .toArray(if (rows.groups() == 1) 0 else head)
        .map(row => tokens(place(row)))
        .toIndexedSeq
    }
  }

  for ((place, memory) <- Seq("memory" -> KvMemory.UNLIMITED, "disk" -> new KvMemory(0, directory)))
    test(s"each head keeps its own tokens in their order, pages in $place, forks on their own") {
      for (seed <- 1L to 8L) {
        val random = new Random(seed)
        var caches = List(
          (
            new KvCache(shape, memory),
            (for (l <- 0 until 2; h <- 0 until 3) yield (l, h) -> IndexedSeq.empty[Long]).toMap
          )
        )
        try {
          for (step <- 1 to 12) {
            caches = caches.map { case (cache, held) =>
              val first = cache.length()
              append(cache, 1 + random.nextInt(150))
              val longer = held.map { case (key, rows) => key -> (rows ++ (first until cache.length())) }
              val count = cache.held().count(0).toInt
              if (random.nextInt(3) == 0) (cache, longer)
              else {
                val wanted = gathering(random, cache.held(), 1 + random.nextInt(count))
                val kept = after(cache, longer, wanted)
                cache.gather(wanted)
                assert(cache.held() == Rows.range(0, wanted.count()))
                assert(cache.bytes() == (wanted.count() + 63) / 64 * 64 * shape.bytesPerToken())
                (cache, kept)
              }
            }
            caches.foreach { case (cache, held) => assertHolds(cache, held) }
            if (step == 4 || step == 8)
              caches = caches ++ caches.take(1).map { case (cache, held) => (cache.fork(), held) }
          }
        } finally caches.foreach(_._1.close())
      }
    }

  test("rows that are not held, lists of different lengths and rows of a block being read are refused") {
    val cache = new KvCache(shape)
    try {
      append(cache, 100)
      val uneven = Rows.builder().group(1, 2).group(3).group(4).build()
      for (
        wrong <- Seq(
          Gathering.of(Rows.of(100)),
          new Gathering(Seq.fill(2)(uneven).asJava),
          new Gathering(Seq.fill(3)(Rows.of(1)).asJava)
        )
      ) {
        val error = intercept[LongformException](cache.gather(wrong))
        assert(error.errorClass() == ErrorClass.INVALID_PLAN)
        assert(
          error.getMessage.startsWith("Cannot gather ") && error.getMessage.endsWith(
            "Gather a part of what is held, equally much in all heads, after a commit."
          )
        )
      }
      cache.reserve(1)
      assert(
        intercept[LongformException](cache.gather(Gathering.of(Rows.of(1))))
          .errorClass() == ErrorClass.INVALID_PLAN
      )
      cache.rollback()
      assert(cache.held() == Rows.range(0, 100))
    } finally cache.close()
  }

  test("what was gathered can be neither taken back nor written") {
    val cache = new KvCache(shape)
    try {
      append(cache, 100)
      cache.gather(Gathering.of(Rows.of(3, 50, 99)))
      append(cache, 5)
      cache.truncate(102)
      assert(cache.held() == Rows.builder().range(0, 3).range(100, 102).build())
      assert(
        intercept[LongformException](cache.truncate(99)).getMessage ==
          "Cannot truncate to 99 tokens: the cache has 102, of which 100 were gathered."
      )
      val out = new java.io.DataOutputStream(new java.io.ByteArrayOutputStream())
      assert(
        intercept[LongformException](cache.writeRows(out)).getMessage ==
          "Cannot write the rows of a document of 102 tokens: they were gathered."
      )
    } finally cache.close()
  }
}
