package org.longform.spark.job

import java.nio.file.{Files, Path}

import org.apache.spark.sql.Row
import org.longform.runtime.LongformRuntime
import org.longform.spark.{LongformPlugin, SparkSuite}

/** The command convert, and the models it writes inside Spark. */
class ConvertCommandSuite extends SparkSuite {
  override protected def sparkConf: Map[String, String] =
    Map("spark.plugins" -> classOf[LongformPlugin].getName)

  private val document =
    "Results\nThe median age of the Kelmos cohort was 57.3 years. " +
      "The sample size of the Veldra cohort was 4821. The code name of the Kelmos cohort was amber falcon."

  private def convert(arguments: String*): RanCommand = RanCommand.of("convert" +: arguments: _*)

  private def converted(name: String, dtype: String): Path = {
    val target = emptyFolder().resolve(name)
    val RanCommand(code, out, err) =
      convert("--model", "longform-tiny", "--to", target.toString, "--dtype", dtype)
    assert(code == 0, err)
    assert(out.startsWith(s"Wrote longform-tiny as $dtype, ") && out.trim.endsWith(target.toString))
    target
  }

  /** Text, tokens read and places of the evidence of an answer. Any device does: the models are compared on
    * one.
    */
  private def answer(model: String): Seq[Any] = {
    val options = s"map('model', '$model', 'device', 'nd4j', 'context', 'reattention')"
    val question = "What was the sample size of the Veldra cohort?"
    val row = spark
      .sql(s"SELECT a.* FROM (SELECT ai_ask_detail('$document', '$question', $options) AS a)")
      .head()
    assert(row.isNullAt(row.fieldIndex("error")), row)
    val evidence = row.getAs[scala.collection.Seq[Row]]("evidence").map { each =>
      each.getAs[Any]("start") -> each.getAs[Any]("end")
    }
    Seq("value", "input_tokens", "finish_reason").map(row.getAs[Any](_)) :+ evidence
  }

  test(
    "a GGUF file in Spark answers as the directory it was made from, and so does a directory made from it"
  ) {
    val expected = answer("longform-tiny")
    assert(expected.head.toString.contains("4821"))
    val gguf = converted("model.gguf", "f16")
    assert(answer(gguf.toString) == expected)
    assert(answer(gguf.toUri.toString) == expected)
    val directory = emptyFolder().resolve("model")
    assert(convert("--model", gguf.toString, "--to", directory.toString, "--dtype", "bf16").code == 0)
    assert(answer(directory.toString) == expected)
  }

  test("a quantised GGUF file answers in Spark, too") {
    assert(answer(converted("model.gguf", "q8_0").toString).head.toString.contains("4821"))
  }

  test("a model that Spark's settings name may be a GGUF file") {
    val gguf = converted("model.gguf", "q8_0")
    val options = new java.util.HashMap[String, String]
    options.put("model", gguf.toString)
    LongformRuntime.validate(options)
    assert(LongformRuntime.describe(options).contains(s"model=$gguf"))
  }

  test("wrong arguments of convert are one sentence and exit code 2") {
    val target = converted("model.gguf", "f32").toString
    def refused(arguments: String*): String = {
      val RanCommand(code, _, err) = convert(arguments: _*)
      assert(code == 2 && err.linesIterator.size == 1, err)
      err
    }
    assert(
      refused("--model", "longform-tiny", "--to", target).contains("it is there already. Give --overwrite")
    )
    assert(convert("--model", "longform-tiny", "--to", target, "--overwrite").code == 0)
    assert(
      refused("--model", "longform-tiny", "--to", target, "--dtype", "q3").contains(
        "Cannot use option '--dtype': 'q3' is unknown (known: f32, f16, bf16, q8_0"
      )
    )
    val directory = Files.createTempDirectory("convert").resolve("m").toString
    assert(
      refused("--model", "longform-tiny", "--to", directory, "--dtype", "q4_k").contains(
        "has plain weights only"
      )
    )
    assert(refused("--to", target).contains("Missing required option: '--model=<path>'"))
  }
}
