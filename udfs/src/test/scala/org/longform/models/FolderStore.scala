package org.longform.models

import java.io.{FilterInputStream, InputStream}
import java.nio.file.{Files, Path}
import java.util.concurrent.atomic.AtomicInteger

import scala.collection.JavaConverters._

import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.models.ModelStore.StoredFile

/** A store whose models are folders of this machine, under the address `shelf:/`. */
class FolderStore(pauseMillis: Long = 0) extends ModelStore {
  val opened = new AtomicInteger
  val listed = new AtomicInteger
  @volatile var cut = false
  @volatile var claimedBytes = 0L

  override def knows(model: String): Boolean = model.startsWith("shelf:/")

  override def list(model: String): java.util.List[StoredFile] = {
    listed.incrementAndGet()
    val path = Path.of(model.stripPrefix("shelf:"))
    if (!Files.exists(path))
      throw new LongformException(
        ErrorClass.INVALID_MODEL,
        s"Cannot find model '$path': it is not on the shelf."
      )
    val files =
      if (Files.isDirectory(path)) path.toFile.listFiles.toSeq.sortBy(_.getName) else Seq(path.toFile)
    files
      .filter(_.isFile)
      .map(f => new StoredFile(f.getName, f.getPath, f.length + claimedBytes, f.lastModified.toString))
      .asJava
  }

  override def open(file: StoredFile): InputStream = {
    opened.incrementAndGet()
    val in = Files.newInputStream(Path.of(file.location))
    new FilterInputStream(in) {
      private var left = if (cut) file.bytes / 2 else Long.MaxValue
      override def read(target: Array[Byte], from: Int, count: Int): Int = {
        Thread.sleep(pauseMillis)
        if (left == 0) return -1
        val read = super.read(target, from, math.min(math.min(count.toLong, left), 1L << 16).toInt)
        left -= math.max(0, read)
        read
      }
    }
  }
}

/** A process of its own that fetches a model and says where it is and how many files it copied. */
object FetchModel {
  def main(args: Array[String]): Unit = {
    val store = new FolderStore(args(2).toLong)
    println("begins")
    val path = new ModelCache(Path.of(args(1))).fetch(args(0), store)
    println(s"${store.opened.get} $path")
  }
}
