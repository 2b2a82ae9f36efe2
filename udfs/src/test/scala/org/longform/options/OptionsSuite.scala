package org.longform.options

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.scalatest.funsuite.AnyFunSuite

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, ObjectInputStream, ObjectOutputStream}
import scala.collection.JavaConverters._
import scala.util.Try

class OptionsSuite extends AnyFunSuite {
  import GenerationOptions._

  private def call(pairs: (String, String)*): Options = Options.ofCall(pairs.toMap.asJava)

  private def conf(pairs: (String, String)*): Options = Options.ofSparkConf(pairs.toMap.asJava)

  private def message(body: => Any): String = {
    val error = intercept[LongformException](body)
    assert(error.errorClass == ErrorClass.INVALID_OPTION)
    error.getMessage
  }

  test("what is not set has its default") {
    assert(Options.defaults().get(MAX_NEW_TOKENS) == 256)
    assert(Options.defaults().sourceOf(MAX_NEW_TOKENS) == OptionSource.DEFAULT)
    assert(!Options.defaults().find(PromptOptions.SYSTEM_PROMPT).isPresent)
    intercept[NoSuchElementException](Options.defaults().get(PromptOptions.SYSTEM_PROMPT))
  }

  test("names of other products and other spellings mean the same option") {
    Seq(
      "max_tokens",
      "max_completion_tokens",
      "max_output_tokens",
      "n_predict",
      "maxNewTokens",
      "max-new-tokens",
      "MAX_NEW_TOKENS",
      "--max-new-tokens"
    ).foreach(name => assert(call(name -> "7").get(MAX_NEW_TOKENS) == 7, name))
    assert(call("repeat_penalty" -> "1.2").get(REPETITION_PENALTY) == 1.2)
  }

  test("the call wins over the Spark configuration, that over the model, that over the default") {
    val model = Options.defaults().`with`(TEMPERATURE, Double.box(0.1), OptionSource.MODEL)
    val session = conf("spark.longform.temperature" -> "0.2")
    val row = call("temperature" -> "0.3")
    val sets = Seq(model, session, row)
    sets.permutations.foreach { order =>
      assert(order.reduce((a, b) => a.and(b)).get(TEMPERATURE) == 0.3)
    }
    assert(session.and(model).get(TEMPERATURE) == 0.2)
    assert(session.and(model).sourceOf(TEMPERATURE) == OptionSource.SPARK_CONF)
    assert(Options.defaults().and(model).get(TEMPERATURE) == 0.1)
  }

  test("a value that does not parse gives key, value and what was expected") {
    assert(
      message(call("max_tokens" -> "many")) ==
        "Cannot use option 'max_tokens': its value is not a whole number ('many'). Give a whole number."
    )
    assert(message(call("temperature" -> "NaN")).contains("is not a decimal number ('NaN')"))
    assert(message(call("temperature" -> "1d")).contains("is not a decimal number ('1d')"))
    assert(message(call("chat_template" -> "maybe")).contains("is not one of auto, on, off"))
    assert(message(call("max_tokens" -> "9999999999")).contains("('9999999999')"))
    assert(message(call("max_tokens" -> null)).contains("it has no value"))
    assert(
      message(conf("spark.longform.failOnError" -> "perhaps")).contains(
        "'spark.longform.failOnError': its value is not true or false ('perhaps')"
      )
    )
    assert(message(call("stop" -> "[1]")).contains("a JSON array of texts ('[1]')"))
    assert(message(call("stop" -> "[\"a\"")).contains("a JSON array of texts"))
  }

  test("an unknown name gives the nearest known ones, or all of them") {
    assert(
      message(call("temprature" -> "1")) ==
        "Cannot use option 'temprature': no option has this name. Did you mean temperature?"
    )
    assert(message(call("max_new_token" -> "1")).contains("Did you mean max_new_tokens"))
    assert(message(call("zzzzzzzzz" -> "1")).contains("Known options are model, "))
    assert(message(conf("spark.longform.maxNewToken" -> "1")).contains("spark.longform.maxNewTokens"))
  }

  test("keys of other products in the Spark configuration are left alone") {
    assert(conf("spark.sql.shuffle.partitions" -> "3", "x" -> "y") == Options.defaults())
  }

  test("two spellings of one option must agree") {
    assert(call("max_tokens" -> "5", "max_new_tokens" -> "5").get(MAX_NEW_TOKENS) == 5)
    assert(
      message(call("max_tokens" -> "5", "max_new_tokens" -> "6")) ==
        "Cannot use option 'max_tokens': 'max_new_tokens' means the same and has another value (5, 6). Keep one of the two."
    )
  }

  test("a list is one text, a JSON array or a repeated flag") {
    assert(call("stop" -> "END").get(STOP).asScala == Seq("END"))
    assert(call("stop" -> "[\"a\", \"\\n\"]").get(STOP).asScala == Seq("a", "\n"))
    val flags = Options.ofFlags(Map("--stop" -> List("a,b", "[c").asJava).asJava)
    assert(flags.get(STOP).asScala == Seq("a,b", "[c"))
    val twice = Map("--seed" -> List("1", "2").asJava).asJava
    assert(
      message(Options.ofFlags(twice)) ==
        "Cannot use option '--seed': it is given 2 times. Keep one."
    )
  }

  test("the map of what was set reads back as the same set") {
    val options =
      call("stop" -> "[\"a\",\"\\n\"]", "seed" -> "-3", "temp" -> "1e-3", "context" -> "FULL")
    assert(Options.ofCall(options.toMap) == options)
    assert(options.toMap.asScala("context") == "full")
    assert(options.toMap.keySet.asScala.toSeq == Seq("context", "seed", "stop", "temperature"))
  }

  test("serialization keeps values and their sources") {
    val options = conf("spark.longform.seed" -> "11").and(call("stop" -> "x", "top_k" -> "4"))
    val bytes = new ByteArrayOutputStream
    new ObjectOutputStream(bytes).writeObject(options)
    val copy = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray)).readObject()
    assert(copy == options)
    assert(copy.asInstanceOf[Options].sourceOf(SEED) == OptionSource.SPARK_CONF)
  }

  test("the text of a set says who set what") {
    assert(
      conf("spark.longform.seed" -> "11").and(call("top_k" -> "4")).toString ==
        "seed=11 (the Spark configuration), top-k=4 (the call)"
    )
  }

  test("a size has a unit of 1024 or none, or is unlimited") {
    import CacheOptions.KV_MEMORY
    val sizes = Seq(
      "0" -> 0L,
      "123" -> 123L,
      "1000000" -> 1000000L,
      "64k" -> (64L << 10),
      "512M" -> (512L << 20),
      " 4g " -> (4L << 30),
      "4 GB" -> (4L << 30),
      "3GiB" -> (3L << 30),
      "2t" -> (2L << 40),
      "unlimited" -> Long.MaxValue
    )
    for ((text, bytes) <- sizes) {
      val options = call("kv_memory" -> text)
      assert(options.get(KV_MEMORY) == bytes, text)
      assert(Options.ofCall(options.toMap) == options)
    }
    assert(call("kv_memory" -> "2048m").toMap.get("kv_memory") == "2g")
    for (wrong <- Seq("", "4x", "-1g", "1.5g", "9999999999t", "g", "4 gigabytes"))
      assert(
        message(call("kv_memory" -> wrong)) ==
          s"Cannot use option 'kv_memory': its value is not a size such as 512m or 4g, or unlimited ('$wrong'). Give a size such as 512m or 4g, or unlimited."
      )
  }

  test("a duration has a unit") {
    import java.time.Duration
    import RuntimeOptions.ROW_TIMEOUT
    val times = Seq(
      "250ms" -> Duration.ofMillis(250),
      "90s" -> Duration.ofSeconds(90),
      " 5 M " -> Duration.ofMinutes(5),
      "5min" -> Duration.ofMinutes(5),
      "2h" -> Duration.ofHours(2),
      "99999999d" -> Duration.ofDays(99999999)
    )
    for ((text, time) <- times) {
      val options = call("row_timeout" -> text)
      assert(options.get(ROW_TIMEOUT) == time, text)
      assert(Options.ofCall(options.toMap) == options)
    }
    assert(call("row_timeout" -> "120s").toMap.get("row_timeout") == "2m")
    for (wrong <- Seq("", "90", "1.5h", "-1s", "s", "999999999s", "2 hours"))
      assert(
        message(call("row_timeout" -> wrong)) ==
          s"Cannot use option 'row_timeout': its value is not a duration such as 90s, 5m or 2h ('$wrong'). Give a duration such as 90s, 5m or 2h."
      )
    assert(message(call("row_timeout" -> "0s")).contains("it must not be zero (0s)"))
  }

  test("caches are stored as llama.cpp's and vLLM's options say, and keys as values") {
    for (name <- Seq("kv_dtype", "cache_type_k", "cache_type_v", "kv_cache_dtype"))
      assert(CacheOptions.dtypeOf(call(name -> "Q8")) == org.longform.kernels.cache.KvDType.Q8)
    assert(CacheOptions.dtypeOf(Options.defaults()) == org.longform.kernels.cache.KvDType.F16)
    assert(message(call("cache_type_k" -> "f16", "cache_type_v" -> "q8")).contains("means the same"))
  }

  test("a query sets what is applicable to queries, and nothing of the application") {
    for (option <- AllOptions.ALL.asScala) {
      // the value comes second
      val set = Try(Options.ofQuery(Map(option.sqlKey -> "\u0000").asJava))
      val message = set.failed.toOption.map(_.getMessage).getOrElse("")
      val refused = s"Cannot use option '${option.sqlKey}': it is fixed when the application starts. " +
        s"Set ${option.confKey} in the Spark configuration before."
      assert((message == refused) == (option.applicable != Option.Applicable.QUERY), s"$option: $message")
    }
    assert(Options.ofQuery(Map("max_tokens" -> "3").asJava).get(GenerationOptions.MAX_NEW_TOKENS) == 3)
  }
}
