package org.longform.kernels.weights

import java.nio.file.{Files, Path}

import org.longform.kernels.tensor.{DType, Tensor}

import scala.collection.JavaConverters._

/** Makes parts of a GGUF file of F32 tensors, as llama.cpp's gguf-split does. */
object GgufSplit {
  final case class Part(no: Long, count: Long, tensors: Seq[String], all: Long, metadata: GgufMetadata) {
    def written(whole: GgufWeights, path: Path): Path = {
      val keys = metadata
        .copy()
        .putUint32("split.no", no)
        .putUint32("split.count", count)
        .put("split.tensors.count", GgufType.INT32, Long.box(all))
      val specs = tensors.map(name => new TensorSpec(name, DType.F32, whole.shape(name).get))
      val writer = GgufWriter.create(path, keys, specs.asJava)
      try {
        tensors.foreach { name =>
          val tensor: Tensor = whole.tensor(name, whole.shape(name).get)
          writer.write(tensor.toArray)
        }
        writer.finish()
      } finally writer.close()
      path
    }
  }

  def name(i: Int, count: Int): String = "model-%05d-of-%05d.gguf".format(i + 1, count)

  /** The first part has all the metadata.
    *
    * @param sizes
    *   how many tensors each part has; none in the first is usual
    * @param changed
    *   what becomes of a part before it is written
    * @return
    *   the first part
    */
  def split(whole: Path, directory: Path, sizes: Seq[Int])(changed: Part => Part = identity): Path = {
    Files.createDirectories(directory)
    val weights = GgufWeights.open(whole)
    try {
      val names = weights.tensors().asScala.map(_.name()).toSeq
      val ends = sizes.scanLeft(0)(_ + _)
      val paths = sizes.indices.map { i =>
        val metadata = if (i == 0) weights.metadata() else new GgufMetadata
        val own = names.slice(ends(i), ends(i + 1))
        changed(Part(i.toLong, sizes.size.toLong, own, names.size.toLong, metadata))
          .written(weights, directory.resolve(name(i, sizes.size)))
      }
      paths.head
    } finally weights.close()
  }
}
