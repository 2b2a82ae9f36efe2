package org.longform.spark.job

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.datasets.models.BundledModels
import org.longform.kernels.context.{ContextStrategies, Promise}
import org.longform.runtime.LongformRuntime

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import scala.collection.JavaConverters._

/** What the command inspect says of models that are not loaded. */
class InspectCommandSuite extends JobFixture {
  private val bytesPerToken = 1024L

  private def inspect(arguments: String*): String = {
    val RanCommand(code, out, err) = RanCommand.of("inspect" +: arguments: _*)
    assert(code == 0, err)
    out
  }

  private def json(arguments: String*): JsonNode =
    new ObjectMapper().readTree(inspect("--json" +: arguments: _*))

  private def unsupported(node: JsonNode): Seq[String] =
    node.get("unsupported").asScala.map(_.asText).toSeq

  test("the bundled model is told in lines, and is not loaded for it") {
    val before = LongformRuntime.stats.modelLoads
    val out = inspect()
    Seq(
      "format          safetensors",
      "family          llama, ",
      "parameters      1,016,960",
      "BF16: 38 tensors with 1,016,960 numbers, 2,033,920 bytes",
      "positions       rotary, ",
      "2,048 bytes for each token as F32",
      "1,024 bytes for each token as F16",
      "tokenizer       byte-level BPE, 2,048 tokens, 2 of them special; begins texts with <|bos|>",
      "chat template   none; prompts are plain",
      "not supported   nothing is missing"
    ).foreach(text => assert(out.contains(text), out.take(2000)))
    assert(LongformRuntime.stats.modelLoads == before)
  }

  test("JSON has the same, for programs") {
    val node = json()
    assert(node.get("family").asText == "llama" && node.get("parameters").asLong == 1016960)
    assert(node.get("kv_bytes_per_token").get("f16").asLong == bytesPerToken)
    assert(node.get("kv_bytes_per_token").get("f32").asLong == 2 * bytesPerToken)
    assert(node.get("trained_window").asLong == 512)
    assert(node.get("stored_as").get(0).get("type").asText == "BF16")
    assert(node.get("tokenizer").get("vocabulary").asInt == 2048)
    assert(node.get("chat_template").get("source").isNull)
    assert(unsupported(node).isEmpty)
    val names = node.get("contexts").fieldNames.asScala.toSeq
    assert(names == ContextStrategies.ALL.asScala.map(_.name()))
  }

  test("the longest document follows from the memory, what a strategy keeps and what it promises") {
    val roomy = json("--memory", "64m").get("contexts")
    val full = roomy.get("full")
    assert(full.get("longest_document_tokens").asLong == 512, "full attention ends with the window")
    val weights = json().get("weight_bytes").asLong
    val fitting = ((64L << 20) - weights) / bytesPerToken
    assert(full.get("tokens_in_memory").asLong == fitting)
    assert(roomy.get("reattention").get("longest_document_tokens").asLong == fitting)
    ContextStrategies.ALL.asScala.filter(_.promises.contains(Promise.BOUNDED_MEMORY)).foreach { strategy =>
      val each = roomy.get(strategy.name)
      assert(each.get("any_length").asBoolean, strategy.name)
      assert(each.get("longest_document_tokens").isNull && each.get("kept_tokens").asLong > 0)
    }
    assert(inspect("--memory", "64m").contains("documents of up to 512 tokens, the trained window"))
    // with parameters of the strategy that is chosen
    val kept = Seq("16", "64").map(local =>
      json("--context", "lm-infinite", "--local-size", local)
        .get("contexts")
        .get("lm-infinite")
        .get("kept_tokens")
    )
    assert(kept.head.asLong < kept(1).asLong)
  }

  test("too little memory is told, not thrown") {
    val node = json("--memory", "100k")
    assert(unsupported(node).exists(_.contains("the weights take")))
    assert(node.get("contexts").get("full").get("longest_document_tokens").asLong == 0)
    val RanCommand(code, _, err) = RanCommand.of("inspect", "--memory", "much")
    assert(code == 2 && err.contains("--memory"))
  }

  test("keys and values of another type take other room") {
    val f16 = json("--memory", "64m").get("contexts").get("reattention").get("tokens_in_memory").asLong
    val f32 =
      json("--memory", "64m", "--kv-dtype", "f32")
        .get("contexts")
        .get("reattention")
        .get("tokens_in_memory")
        .asLong
    assert(f32 == f16 / 2 || f32 == (f16 - 1) / 2)
  }

  test("a GGUF file is told by its header") {
    val target = emptyFolder().resolve("tiny.gguf")
    val RanCommand(code, _, err) =
      RanCommand.of("convert", "--model", "longform-tiny", "--to", target.toString, "--dtype", "q8_0")
    assert(code == 0, err)
    val node = json("--model", target.toString)
    assert(node.get("format").asText == "GGUF file" && unsupported(node).isEmpty, node)
    assert(node.get("family").asText == "llama" && node.get("parameters").asLong == 1016960)
    assert(node.get("stored_as").asScala.map(_.get("type").asText).toSet.contains("Q8_0"))
    assert(node.get("tokenizer").get("kind").asText == "byte-level BPE")
  }

  private def changedModel(file: String, change: String => String): Path = {
    val directory = emptyFolder()
    val bundled = BundledModels.localDirectory("longform-tiny")
    bundled.toFile.listFiles.foreach(each => Files.copy(each.toPath, directory.resolve(each.getName)))
    val path = directory.resolve(file)
    val text = if (Files.exists(path)) new String(Files.readAllBytes(path), UTF_8) else ""
    Files.deleteIfExists(path)
    Files.write(path, change(text).getBytes(UTF_8))
    directory
  }

  test("a model that cannot be read is told with all that is wrong, and the command does not fail") {
    val directory = changedModel("config.json", _.replace("LlamaForCausalLM", "MambaForCausalLM"))
    Files.write(directory.resolve("chat_template.jinja"), "{{ messages | strange }}".getBytes(UTF_8))
    val node = json("--model", directory.toString)
    val problems = unsupported(node)
    assert(problems.exists(_.contains("family 'MambaForCausalLM' is unknown")))
    assert(problems.exists(_.contains("the filter 'strange'")))
    assert(!node.has("family") && !node.has("contexts"))
    assert(node.get("stored_as").size > 0, "the weights are told nevertheless")
    val out = inspect("--model", directory.toString)
    assert(out.contains("not supported   Cannot load model"))
    val RanCommand(code, _, err) = RanCommand.of("inspect", "--model", "/nowhere/at/all")
    assert(code == 1 && err.startsWith("Cannot find model '/nowhere/at/all'"))
  }
}
