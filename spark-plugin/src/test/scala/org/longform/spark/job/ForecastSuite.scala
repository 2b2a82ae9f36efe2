package org.longform.spark.job

import org.longform.spark.job.Forecast.{Cluster, Document, Memory, SecondModel, Writing}
import org.scalatest.funsuite.AnyFunSuite

import java.util.OptionalDouble
import scala.collection.JavaConverters._

class ForecastSuite extends AnyFunSuite {
  private val mib = 1L << 20

  private val unknown = new Writing(100, OptionalDouble.empty())

  private def forecast(documents: Seq[Document], budget: Long, slots: Int, probes: SpeedProbe*): Seq[String] =
    forecast(documents, budget, slots, unknown, probes: _*)

  private def forecast(
      documents: Seq[Document],
      budget: Long,
      slots: Int,
      writing: Writing,
      probes: SpeedProbe*
  ): Seq[String] = forecast(documents, budget, slots, writing, Nil, probes: _*)

  private def forecast(
      documents: Seq[Document],
      budget: Long,
      slots: Int,
      writing: Writing,
      second: Seq[SecondModel],
      probes: SpeedProbe*
  ): Seq[String] = forecast(documents, memory(budget, 0, second), slots, writing, probes: _*)

  private def memory(budget: Long, pinned: Long, second: Seq[SecondModel] = Nil): Memory =
    new Memory("m", 5 * mib, second.asJava, "reattention", "f16", 1024, budget, pinned)

  private def forecast(
      documents: Seq[Document],
      memory: Memory,
      slots: Int,
      writing: Writing,
      probes: SpeedProbe*
  ): Seq[String] =
    new Forecast(
      documents.asJava,
      3,
      7,
      2,
      memory,
      writing,
      new Cluster(1, slots),
      probes.asJava
    ).text.linesIterator.toSeq

  private def documents: Seq[Document] =
    Seq(900, 1100, 1200, 5000, 70000).map(n => new Document(n.toLong, 1, n * 1024L, 0))

  test("the histogram has every document and token once") {
    val text = forecast(documents, Long.MaxValue, 2)
    assert(text.head == "documents     5 to read, 3 rows are in the table already")
    assert(text.contains("tokens        78,200; shortest 900, median 1,200, longest 70,000"))
    val ranges = text.filter(_.contains(" to ")).filter(_.contains("#"))
    assert(
      ranges.map(_.replaceAll(" +", " ").replaceAll("#+", "#")) == Seq(
        " 0 to 1,023 # 1 with 900 tokens",
        " 1,024 to 4,095 # 2 with 2,300 tokens",
        " 4,096 to 16,383 # 1 with 5,000 tokens",
        " 65,536 to 262,143 # 1 with 70,000 tokens"
      )
    )
  }

  test("memory is that of the largest documents at once, and what goes to disk is told") {
    val text = forecast(documents, 50 * mib, 2).mkString("\n")
    assert(
      text.contains(
        "reattention as f16, 1,024 bytes a token: 68.4 MiB for the largest document, 73.2 MiB for the 2 largest at once"
      )
    )
    assert(text.contains("an executor keeps up to 50.0 MiB in memory; 23.2 MiB go to its local disk"))
    assert(forecast(documents, Long.MaxValue, 2).exists(_.endsWith("an executor keeps everything in memory")))
    assert(forecast(documents, 100 * mib, 2).exists(_.endsWith("keeps up to 100.0 MiB in memory")))
  }

  test("on a card what it has no room for goes to pinned memory first") {
    def told(pinned: Long): String =
      forecast(documents, memory(50 * mib, pinned), 2, unknown).find(_.contains("an executor keeps")).get
    assert(told(100 * mib).endsWith("keeps up to 50.0 MiB in memory; 23.2 MiB go to pinned memory"))
    assert(
      told(3 * mib).endsWith(
        "keeps up to 50.0 MiB in memory; 3.0 MiB go to pinned memory; 20.2 MiB go to its local disk"
      )
    )
    val roomy = forecast(documents, memory(100 * mib, mib), 2, unknown)
    assert(roomy.exists(_.endsWith("keeps up to 100.0 MiB in memory")))
  }

  test("a second model and what a context remembers on the Java heap are told where there are such") {
    val plain = forecast(documents, Long.MaxValue, 2)
    assert(!plain.exists(_.contains("beside")) && !plain.exists(_.startsWith("Java heap")))
    val heavy = documents.map(d => new Document(d.tokens(), 1, d.kvBytes(), d.tokens() * 512))
    val text = forecast(heavy, Long.MaxValue, 2, unknown, Seq(new SecondModel("s", 3 * mib)))
    assert(text(text.indexWhere(_.startsWith("model ")) + 1).trim == "and beside it s, weights 3.0 MiB")
    assert(
      text.contains(
        "Java heap     36.6 MiB for what reattention remembers of the 2 largest documents at once"
      )
    )
  }

  test("time is no less than the longest document takes, and grows with depth") {
    val cores = Runtime.getRuntime.availableProcessors
    val flat = new SpeedProbe("cpu", cores, 2048, new Speed(0.001, 0), new Speed(0.01, 0))
    val text = forecast(documents, Long.MaxValue, 4, flat).mkString("\n")
    assert(
      text.contains("device cpu    about 1 min 18 s to 1 min 23 s: 1 min 18 s reading, at most 5 s writing")
    )
    assert(
      text.contains(
        "measured: reads 1,000 tokens/s at the beginning, 1,000 after 2,048; writes 100.0 tokens/s there"
      )
    )
    assert(text.contains("answers       at most 100 tokens each; the table has none to learn from"))
    val single = new SpeedProbe("nd4j", 1, 2048, new Speed(0.001, 0), new Speed(0.01, 0))
    val long = Seq(new Document(70000, 0, 0, 0), new Document(10, 0, 0, 0))
    assert(forecast(long, Long.MaxValue, 1024, single).exists(_.contains("about 1 min 10 s: ")))
  }

  test("answers are taken to be as long as those in the table, if it has some") {
    val cores = Runtime.getRuntime.availableProcessors
    val flat = new SpeedProbe("cpu", cores, 2048, new Speed(0.001, 0), new Speed(0.01, 0))
    def text(most: Long, usual: Double) =
      forecast(documents, Long.MaxValue, 4, new Writing(most, OptionalDouble.of(usual)), flat).mkString("\n")
    val short = text(100, 20)
    assert(short.contains("answers       20 tokens each, as those in the table; at most 100"))
    assert(short.contains("device cpu    about 1 min 19 s: 1 min 18 s reading, 1 s writing"))
    assert(text(100, 400).contains("answers       100 tokens each, as those in the table; at most 100"))
    val scored = forecast(documents, Long.MaxValue, 4, new Writing(0, OptionalDouble.empty()), flat)
    assert(!scored.exists(_.startsWith("answers")))
    assert(scored.exists(_.startsWith("device cpu    about 1 min 18 s: 1 min 18 s reading, 0 s writing")))
  }

  test("nothing to do takes no time") {
    val probe = new SpeedProbe("cpu", 1, 2048, new Speed(0.001, 0), new Speed(0.01, 0))
    val text = forecast(Nil, Long.MaxValue, 2, probe)
    assert(text.head == "documents     0 to read, 3 rows are in the table already")
    assert(text.exists(_.startsWith("device cpu    about 0 s")))
  }

  test("the line through what was measured is exact for a line, never falls and never begins below zero") {
    def through(points: (Double, Double)*): Speed =
      Speed.through(points.map { case (d, s) => new Speed.Point(d, s) }.asJava)
    val line = through((100.0, 2.0), (200.0, 3.0), (300.0, 4.0))
    assert(math.abs(line.seconds - 1) < 1e-9 && math.abs(line.secondsPerDepth - 0.01) < 1e-12)
    assert(math.abs(line.of(0, 100) - 150) < 1e-9 && math.abs(line.of(100, 100) - 250) < 1e-9)
    val falling = through((100.0, 3.0), (200.0, 1.0))
    assert(falling.secondsPerDepth == 0 && falling.seconds == 2)
    val steep = through((100.0, 1.0), (200.0, 9.0))
    assert(steep.seconds == 0 && steep.secondsPerDepth > 0)
    assert(through((50.0, 2.0)).seconds == 2)
    // the machine did something else meanwhile
    val disturbed = (1 to 20).map(i => (256.0 * i, if (i % 7 == 0) 9.0 else 1 + 0.001 * i))
    assert(math.abs(through(disturbed: _*).of(0, 100000) / 100000 - (1 + 0.001 * 50000 / 256)) < 0.01)
  }
}
