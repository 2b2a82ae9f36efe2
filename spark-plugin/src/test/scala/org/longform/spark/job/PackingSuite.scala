package org.longform.spark.job

import org.scalatest.funsuite.AnyFunSuite

import java.util.Collections
import scala.collection.JavaConverters._
import scala.util.Random

class PackingSuite extends AnyFunSuite {
  private def document(name: String, characters: Long): PendingDocument =
    new PendingDocument(
      name,
      name,
      name,
      characters,
      Collections.singletonList(new PendingDocument.PendingQuestion("", 1))
    )

  private def pack(lengths: Seq[Long], tasks: Int): Seq[Seq[PendingDocument]] =
    Packing
      .pack(lengths.zipWithIndex.map { case (n, i) => document(f"$i%04d", n) }.asJava, tasks)
      .asScala
      .map(_.asScala.toSeq)
      .toSeq

  test("one long document has a task of its own, the first, and the short ones share the others") {
    val tasks = pack(Seq.fill(30)(1000L) :+ 1000000L, 4)
    assert(tasks.head.map(_.characters) == Seq(1000000L))
    assert(tasks.tail.map(_.size) == Seq(10, 10, 10))
  }

  test(
    "every document is placed once, largest first, and no task carries more than 4/3 of the best sharing"
  ) {
    val seed = 20261121L
    info(s"seed $seed")
    val random = new Random(seed)
    (1 to 50).foreach { _ =>
      val lengths = Seq.fill(1 + random.nextInt(60))(math.exp(random.nextDouble() * 14).toLong)
      val count = 1 + random.nextInt(8)
      val tasks = pack(lengths, count)
      assert(tasks.flatten.map(_.characters).sorted == lengths.sorted)
      assert(tasks.size == math.min(count, lengths.size) && tasks.forall(_.nonEmpty))
      tasks.foreach(task => assert(task.map(_.characters) == task.map(_.characters).sorted.reverse))
      val loads = tasks.map(_.map(_.characters + 1000).sum)
      assert(loads == loads.sorted.reverse)
      val best = math.max(loads.sum.toDouble / count, lengths.max + 1000.0)
      // the best sharing is at least this; where documents do not fit evenly it is more
      val second = lengths.map(_ + 1000).sorted.reverse.lift(count).map(_ * 2.0).getOrElse(0.0)
      assert(loads.head <= math.max(best, second) * 4 / 3 + 1)
    }
  }

  test("the same documents are packed the same in whatever order they come") {
    val documents = (1 to 40).map(i => document(s"d$i", (i % 7) * 1000L))
    val one = Packing.pack(documents.asJava, 6)
    val other = Packing.pack(new Random(5).shuffle(documents).asJava, 6)
    assert(one == other)
  }
}
