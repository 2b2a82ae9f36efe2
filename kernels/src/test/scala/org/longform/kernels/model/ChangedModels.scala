package org.longform.kernels.model

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.ObjectMapper
import org.longform.kernels.device.{DeviceProvider, Kernels}
import org.longform.kernels.device.reference.ReferenceDevice
import org.longform.kernels.model.SessionFixtures._
import org.longform.kernels.tensor.DType
import org.longform.kernels.weights.TempDirectory

import scala.collection.JavaConverters._

/** Tiny models that went through a change of their weights and were written and read again. */
object ChangedModels {
  def opened[A](path: Path)(body: StoredModel => A): A = {
    val model = StoredModel.open(path)
    try body(model)
    finally model.close()
  }

  /** Writes what the change makes of the model at a path to a new directory. */
  def rewrite(from: Path, to: Path, dtype: DType = DType.F32)(change: StoredModel => StoredModel): Path = {
    Files.createDirectories(to)
    val stored = StoredModel.open(from)
    val changed =
      try change(stored)
      catch { case e: Throwable => stored.close(); throw e }
    try {
      val export = new ModelExport(changed, dtype)
      if (to.toString.endsWith(".gguf")) {
        Files.delete(to)
        export.writeGguf(to, export.ggufMetadata("changed"))
      } else {
        export.writeSafetensors(to.resolve("model.safetensors"))
        Files.writeString(to.resolve("config.json"), new ObjectMapper().writeValueAsString(export.config()))
      }
    } finally changed.close()
    to
  }

  /** The directory of a tiny model that was changed. */
  def withChanged[A](model: TinyModel)(change: StoredModel => StoredModel)(body: Path => A): A =
    TempDirectory.use { directory =>
      val source = model.write(Files.createDirectory(directory.resolve("source")))
      body(rewrite(source, directory.resolve("changed"))(change))
    }

  def withDecoderAt[A](path: Path, kernels: Kernels = new ReferenceDevice().open(1))(
      body: Decoder => A
  ): A = {
    val decoder = Decoder.load(path, kernels)
    try body(decoder)
    finally decoder.close()
  }

  /** The logits after the last of the tokens: all but the last two as one block, those one by one. */
  def logits(decoder: Decoder, ids: Array[Int]): Array[Float] =
    withSession(decoder, full(decoder, 512)) { session =>
      session.feed(ids, 0, ids.length - 2)
      session.flush()
      ids.takeRight(2).foreach(session.step)
      session.logits()
    }

  def logits(path: Path, ids: Array[Int]): Array[Float] = withDecoderAt(path)(logits(_, ids))

  def naive(model: TinyModel, ids: Array[Int]): Array[Double] =
    new NaiveDecoder(model, NaiveDecoder.plainFrequencies(model.headDim)).logits(ids.toSeq).last

  def tensors(path: Path): Map[String, Array[Float]] = opened(path) { model =>
    val names = model.weights().names().asScala
    names.map(name => name -> model.weights().tensor(name, model.weights().shape(name).get).toArray).toMap
  }
}
