package org.longform.spark.job

import org.longform.spark.compare.{Cell, Contender, Measure}
import org.longform.spark.job.ComparisonForecast.Took
import org.scalatest.funsuite.AnyFunSuite

import java.time.Duration
import java.util.Optional
import scala.collection.JavaConverters._

class ComparisonForecastSuite extends AnyFunSuite {
  private val lengths = Seq(512L, 1024L, 2048L, 4096L)

  // seconds for a document of a length
  private val ways: Map[String, Long => Double] = Map(
    "linear" -> (length => length / 512.0),
    "square" -> (length => math.pow(length / 512.0, 2)),
    "refused" -> (_ => 0)
  )

  private def key(way: String, length: Long) = new Cell.Key(s"d$length", way, Measure.ANSWERS)

  private def took(way: String, length: Long) = new Took(key(way, length), length, ways(way)(length))

  private def pending(way: String, length: Long) =
    new PendingCell(
      key(way, length),
      new Contender(way, java.util.Map.of[String, String]()),
      s"d$length",
      length,
      4 * length,
      1
    )

  private def batch(length: Long) = ways.keys.toSeq.map(pending(_, length))

  private class Clock {
    var seconds = 0.0
    def nanos: Long = (seconds * 1e9).toLong
  }

  /** Reads all documents of a length, two readings at the same time. */
  private def read(forecast: ComparisonForecast, clock: Clock, length: Long): Unit = {
    val later = lengths.filter(_ > length).flatMap(batch)
    forecast.begin(batch(length).asJava, later.asJava)
    val all = ways.keys.toSeq.map(took(_, length))
    clock.seconds += all.map(_.seconds).sum / 2
    forecast.end(all.asJava)
  }

  private def secondsFrom(length: Long): Double =
    lengths.filter(_ >= length).flatMap(each => ways.values.map(_(each))).sum / 2

  test("each way to read keeps its pace and its growth with the length") {
    val clock = new Clock
    val forecast = new ComparisonForecast(Nil.asJava, () => clock.nanos)
    assert(forecast.left() == Optional.empty[Duration]())
    read(forecast, clock, 512)
    read(forecast, clock, 1024)
    forecast.begin(batch(2048).asJava, batch(4096).asJava)
    assert(forecast.left().get.getSeconds == secondsFrom(2048).round)
    clock.seconds += 3
    assert(forecast.left().get.getSeconds == (secondsFrom(2048) - 3).round)
  }

  test("a batch that takes longer than it should takes nothing off those behind it") {
    val clock = new Clock
    val forecast = new ComparisonForecast(Nil.asJava, () => clock.nanos)
    read(forecast, clock, 512)
    read(forecast, clock, 1024)
    forecast.begin(batch(2048).asJava, batch(4096).asJava)
    clock.seconds += 1000
    assert(forecast.left().get.getSeconds == secondsFrom(4096).round)
  }

  test("what an earlier run did counts for the pace, and a way without any has that of all") {
    val clock = new Clock
    val before = Seq(512L, 1024L).flatMap(length => Seq(took("linear", length), took("square", length)))
    val forecast = new ComparisonForecast(before.asJava, () => clock.nanos)
    forecast.begin(Seq(pending("linear", 2048)).asJava, Seq(pending("square", 4096)).asJava)
    clock.seconds += 4
    forecast.end(Seq(took("linear", 2048)).asJava)
    val unknown = pending("new", 1024)
    forecast.begin(Seq(pending("square", 4096)).asJava, Seq(unknown).asJava)
    assert(forecast.left().get.getSeconds == 64 + 2)
  }
}
