package org.longform.spark.job

import org.longform.spark.SparkSuite

import scala.collection.mutable.ArrayBuffer

class ReadProgressSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] = Map("spark.executor.heartbeatInterval" -> "200ms")

  test("tokens are seen while a document is being read, not only when it is done") {
    val counts = new ReadProgress
    val context = spark.sparkContext
    val tokens = context.longAccumulator(ReadProgress.TOKENS)
    val documents = context.longAccumulator(ReadProgress.DOCUMENTS)
    context.addSparkListener(counts)
    try {
      val seen = ArrayBuffer.empty[Long]
      val reading = context
        .parallelize(Seq(1), 1)
        .foreachAsync { _ =>
          (1 to 20).foreach { _ =>
            tokens.add(5)
            Thread.sleep(100)
          }
          documents.add(1)
        }
      while (!reading.isCompleted) {
        seen += counts.tokens()
        Thread.sleep(50)
      }
      val between = seen.filter(n => n > 0 && n < 100).distinct
      assert(between.size >= 3, seen)
      assert(seen == seen.sorted)
      val deadline = System.nanoTime() + 10L * 1000 * 1000 * 1000
      while (counts.tokens() < 100 && System.nanoTime() < deadline) Thread.sleep(20)
      assert(counts.tokens() == 100 && counts.documents() == 1)
    } finally context.removeSparkListener(counts)
  }
}
