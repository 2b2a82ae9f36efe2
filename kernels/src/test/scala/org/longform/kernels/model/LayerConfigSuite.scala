package org.longform.kernels.model

import java.nio.file.Files

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.weights.TempDirectory
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._

/** Sizes that differ from layer to layer, and what pruning says it kept, from files nobody should believe. */
class LayerConfigSuite extends AnyFunSuite {
  private val even: Map[String, String] = Map(
    "architectures" -> """["LlamaForCausalLM"]""",
    "hidden_size" -> "128",
    "head_dim" -> "32",
    "intermediate_size" -> "320",
    "num_hidden_layers" -> "3",
    "num_attention_heads" -> "4",
    "num_key_value_heads" -> "2",
    "vocab_size" -> "2048",
    "max_position_embeddings" -> "512"
  )
  private val uneven: Map[String, String] = even ++ Map(
    "intermediate_size" -> "[320, 7, 1]",
    "num_attention_heads" -> "[4, 2, 4]",
    "num_key_value_heads" -> "[2, 1, 2]"
  )
  private lazy val section =
    """{"hidden_size":130,"num_attention_heads":[4,4,4],"num_key_value_heads":2,
      |"intermediate_size":[320,320,320],"kept_hidden":%s,
      |"kept_kv_heads":[[0,1],[1],[0,1]],"kept_channels":[%s,[0,1,2,3,4,5,319],[17]]}""".stripMargin
      .format((2 until 130).mkString("[", ",", "]"), (0 until 320).mkString("[", ",", "]"))

  private def spec(values: Map[String, String]): DecoderSpec = TempDirectory.use { directory =>
    val json = values.map { case (k, v) => s""""$k":$v""" }.mkString("{", ",", "}")
    Files.writeString(directory.resolve("config.json"), json)
    StoredModel.spec(directory)
  }

  private def refused(part: String)(change: (String, String)*): Unit = {
    val error = intercept[LongformException](spec(uneven ++ change))
    assert(error.errorClass == ErrorClass.INVALID_MODEL)
    assert(error.getMessage.contains(part), error.getMessage)
    assert(error.getMessage.length < 500)
  }

  test("each layer has its own sizes; one number stands for all layers") {
    assert(
      spec(uneven).layerShapes().asScala ==
        Seq(new LayerShape(4, 2, 320), new LayerShape(2, 1, 7), new LayerShape(4, 2, 1))
    )
    assert(spec(even).layerShapes().asScala == Seq.fill(3)(new LayerShape(4, 2, 320)))
    assert(
      spec(uneven - "num_key_value_heads").layerShapes().asScala.map(_.kvHeads()) == Seq(4, 2, 4)
    )
    val some = spec(even + ("num_key_value_heads" -> "[1, 2, 4]"))
    assert((0 until 3).map(some.kvWidth(_)) == Seq(32, 64, 128))
    assert((0 until 3).map(some.queryWidth(_)) == Seq(128, 128, 128))
  }

  test("lists that do not fit the layers are refused with key and value") {
    refused(
      "num_attention_heads = [4, 2], expected a whole number from 1 to 2147483647, or one for each of 3 layers"
    )(
      "num_attention_heads" -> "[4, 2]"
    )
    for (
      list <- Seq(
        "[320, 7, 1, 1]",
        "[320, 0, 1]",
        "[320, -7, 1]",
        "[320, 7.5, 1]",
        "[320, \"7\", 1]",
        "[320, null, 1]",
        "[320, [7], 1]",
        "[320, 4294967297, 1]",
        "[]"
      )
    )
      refused("has intermediate_size = ")("intermediate_size" -> list)
    refused("2 query heads in layer 1, which 4 key/value heads cannot share")(
      "num_key_value_heads" -> "[2, 4, 2]"
    )
    refused("num_hidden_layers = 65537, expected at most 65536 layers")("num_hidden_layers" -> "65537")
    refused("more than 2147483647 in all")("num_attention_heads" -> "[4, 2147483646, 4]")
    val error = intercept[LongformException](spec(uneven - "head_dim"))
    assert(error.getMessage.contains("lacks head_dim, expected a number, since the layers have different"))
  }

  test("lists of what pruning kept must fit the sizes and ascend") {
    assert(spec(uneven + ("pruning" -> section)).layer(1) == new LayerShape(2, 1, 7))
    def changed(from: String, to: String): Unit = {
      assert(section.contains(from))
      refused("pruning.kept_")("pruning" -> section.replace(from, to))
    }
    changed("[[0,1],[1],[0,1]]", "[[0,1],[0,1],[0,1]]")
    changed("[[0,1],[1],[0,1]]", "[[0,1],[2],[0,1]]")
    changed("[[0,1],[1],[0,1]]", "[[1,0],[1],[0,1]]")
    changed("[[0,1],[1],[0,1]]", "[[0,1],[-1],[0,1]]")
    changed("[[0,1],[1],[0,1]]", "[[0,1],1,[0,1]]")
    changed("[[0,1],[1],[0,1]]", "[[0,1],[1]]")
    changed("[0,1,2,3,4,5,319]", "[0,1,2,3,4,5,320]")
    changed("\"kept_hidden\":[2,3,", "\"kept_hidden\":[2,")
    changed("\"kept_hidden\":[2,3,", "\"kept_hidden\":[3,2,")
    changed("128,129]", "128,130]")
    changed("[0,1,2,3,4,5,319]", "[0,1,2,3,4,4,319]")
    refused("lacks pruning.hidden_size")("pruning" -> "{}")
    refused("pruning = 5, expected an object")("pruning" -> "5")
  }
}
