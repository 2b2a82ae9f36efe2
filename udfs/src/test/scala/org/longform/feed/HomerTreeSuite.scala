package org.longform.feed

import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

class HomerTreeSuite extends AnyFunSuite {
  private def tree(
      tokens: Long,
      chunk: Int,
      layers: Int = 32,
      warmup: Int = 12,
      initial: Int = 0,
      target: Int = 0
  ) =
    new HomerTree(
      tokens,
      new HomerTree.Lengths(chunk, if (initial == 0) chunk else initial, if (target == 0) chunk else target),
      layers,
      warmup
    )

  test("four chunks of a model of 32 layers share them as published") {
    val four = tree(4000, 1000)
    assert(four.chunks == 4 && four.height == 2)
    assert((0 to 2).map(four.layersUpTo) == Seq(20, 26, 32))
    assert((0 until 4).map(four.kept(0, _)) == Seq(500, 500, 500, 500))
    assert(four.length(1, 0) == 1000 && four.kept(1, 1) == 500)
    assert(four.length(2, 0) == 1000 && four.kept(2, 0) == 1000)
    assert((0 to 1).map(tree(1500, 1000).layersUpTo) == Seq(22, 32))
    assert(tree(1000, 1000).layersUpTo(0) == 32 && tree(1000, 1000).chunks == 1)
  }

  test("what the right sibling leaves free is the left one's") {
    // four chunks of 300: half of 1000 is more than that
    val short = tree(1200, 1000, initial = 300)
    assert(short.chunks == 4 && (0 until 4).map(short.kept(0, _)) == Seq(300, 300, 300, 300))
    assert(short.length(1, 0) == 600 && short.kept(1, 1) == 500 && short.kept(1, 0) == 500)
    val uneven = tree(1201, 1300, initial = 700, target = 400)
    assert(uneven.chunks == 2 && (0 until 2).map(uneven.chunkLength) == Seq(600, 601))
    assert(uneven.kept(0, 0) == 600 && uneven.kept(0, 1) == 601 && uneven.kept(1, 0) == 400)
  }

  test("whatever the sizes, no chunk is empty or too long, nothing is lost, and nodes fit their chunk") {
    val random = new Random(7)
    for (_ <- 0 until 500) {
      val chunk = 2 + random.nextInt(300)
      val initial = 2 + random.nextInt(300)
      val target = 1 + random.nextInt(300)
      val tokens = 1L + random.nextInt(5000)
      val layers = 1 + random.nextInt(40)
      val warmup = random.nextInt(layers)
      val found = tree(tokens, chunk, layers, warmup, initial, target)
      val lengths = (0 until found.chunks).map(found.chunkLength)
      assert(lengths.map(_.toLong).sum == tokens && lengths.min >= 1 && lengths.max <= initial)
      assert(lengths.max == found.longestChunk && lengths.max - lengths.min <= 1)
      assert(found.chunks == 1 << found.height)
      for (h <- 0 until found.height; node <- 0 until (found.chunks >> h)) {
        assert(found.kept(h, node) <= found.length(h, node))
        if (node % 2 == 1) assert(found.kept(h, node - 1) + found.kept(h, node) <= chunk)
      }
      assert(found.kept(found.height, 0) == math.min(target, found.length(found.height, 0)))
      val upTo = (0 to found.height).map(found.layersUpTo)
      assert(upTo == upTo.sorted && upTo.head >= 1 && upTo.head >= warmup && upTo.last == layers)
    }
  }

  test("in a tree deeper than the layers to share the root and those below it have one each") {
    assert((0 to 5).map(tree(20000, 1000, layers = 4, warmup = 1).layersUpTo) == Seq(2, 2, 2, 2, 3, 4))
    assert((0 to 5).map(tree(20000, 1000, layers = 4, warmup = 3).layersUpTo) == Seq(4, 4, 4, 4, 4, 4))
  }

  test("no document is one chunk without a token") {
    val none = tree(0, 1000)
    assert(none.chunks == 1 && none.chunkLength(0) == 0 && none.kept(0, 0) == 0)
  }
}
