package org.longform.kernels.model.families

import java.nio.file.{Files, Path}

import scala.collection.JavaConverters._
import scala.util.Random

import com.fasterxml.jackson.databind.node.ObjectNode
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.longform.kernels.weights.SafetensorsFiles

/** The values of a config.json, for those who compute without the engine. */
final class Settings(node: JsonNode) {
  private def value(key: String): JsonNode = {
    val found = node.path(key)
    require(!found.isMissingNode && !found.isNull, s"no $key")
    found
  }

  def has(key: String): Boolean = node.hasNonNull(key)
  def int(key: String): Int = value(key).asInt()
  def number(key: String): Double = value(key).asDouble()
  def flag(key: String): Boolean = value(key).asBoolean()
  def texts(key: String): Seq[String] = value(key).elements().asScala.map(_.asText()).toVector
  def numbers(key: String): Array[Double] = value(key).elements().asScala.map(_.asDouble()).toArray
  def section(key: String): Settings = new Settings(value(key))
}

/** One tensor of a model file. Its values are multiples of 1/256 below 1/2, or of 1/64 from 1/2 to 3/2, which
  * every dtype of the model files holds exactly.
  */
final case class NamedTensor(name: String, shape: Seq[Int], values: Array[Double])

/** A model in the layout of Hugging Face: its config.json, word for word as such models have it but for the
  * sizes, and its tensors.
  */
final case class Checkpoint(config: String, tensors: Seq[NamedTensor], dtype: String = "F32") {
  private val byName: Map[String, NamedTensor] = tensors.map(t => t.name -> t).toMap

  val settings: Settings = new Settings(Checkpoint.Json.readTree(config))

  def tensor(name: String): NamedTensor = byName(name)

  def apply(name: String): Array[Double] = byName(name).values

  /** The same tensors with other values in the config; each is a JSON text. */
  def where(changes: (String, String)*): Checkpoint = {
    val node = Checkpoint.Json.readTree(config).asInstanceOf[ObjectNode]
    changes.foreach { case (key, json) =>
      node.set[JsonNode](key, Checkpoint.Json.readTree(json))
    }
    copy(config = Checkpoint.Json.writeValueAsString(node))
  }

  /** The same config with other tensors. */
  def altered(change: NamedTensor => NamedTensor): Checkpoint = copy(tensors = tensors.map(change))

  def write(directory: Path): Path = {
    Files.writeString(directory.resolve("config.json"), config)
    val entries = tensors.map { tensor =>
      val kind = if (tensor.name.endsWith("inv_freq")) "F32" else dtype
      SafetensorsFiles.Entry(
        tensor.name,
        kind,
        tensor.shape.map(_.toLong),
        SafetensorsFiles.encode(kind, tensor.values.map(_.toFloat).toSeq)
      )
    }
    SafetensorsFiles.write(directory.resolve("model.safetensors"), entries)
    directory
  }
}

object Checkpoint {
  private val Json = new ObjectMapper()

  def settings(config: String): Settings = new Settings(Json.readTree(config))

  /** A tensor to be filled with random values around a centre. */
  final case class Slot(name: String, shape: Seq[Int], centre: Int)

  def matrix(name: String, rows: Int, columns: Int): Slot = Slot(name + ".weight", Seq(rows, columns), 0)

  /** The weights of a norm that multiplies by them. */
  def gain(name: String, size: Int): Slot = Slot(name + ".weight", Seq(size), 1)

  /** The weights of a norm that multiplies by one more than them. */
  def gainAboveOne(name: String, size: Int): Slot = Slot(name + ".weight", Seq(size), 0)

  def bias(name: String, size: Int): Slot = Slot(name + ".bias", Seq(size), 0)

  def random(config: String, dtype: String, seed: Long)(slots: Seq[Slot]): Checkpoint = {
    val random = new Random(seed)
    val tensors = slots.map { slot =>
      val values = Array.fill(slot.shape.product) {
        if (slot.centre == 0) (random.nextInt(255) - 127) / 256.0 else 1 + (random.nextInt(63) - 31) / 64.0
      }
      NamedTensor(slot.name, slot.shape, values)
    }
    Checkpoint(config, tensors, dtype)
  }
}
