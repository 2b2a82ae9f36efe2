package org.longform.spark

import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.fs.{FSDataOutputStream, Path, RawLocalFileSystem}
import org.apache.hadoop.security.AccessControlException
import org.apache.hadoop.util.Progressable

import java.net.URI

/** The local files, which may be read and not written: paths begin with `readonly:`. */
class ReadOnlyFileSystem extends RawLocalFileSystem {
  override def getUri: URI = URI.create("readonly:///")
  override def getScheme: String = "readonly"

  private def refuse(path: Path): Nothing = throw new AccessControlException(s"Permission denied: $path")

  override def create(
      path: Path,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = refuse(path)
  override def create(
      path: Path,
      permission: FsPermission,
      overwrite: Boolean,
      bufferSize: Int,
      replication: Short,
      blockSize: Long,
      progress: Progressable
  ): FSDataOutputStream = refuse(path)
  override def mkdirs(path: Path): Boolean = refuse(path)
  override def mkdirs(path: Path, permission: FsPermission): Boolean = refuse(path)
  override def rename(from: Path, to: Path): Boolean = refuse(to)
  override def delete(path: Path, recursive: Boolean): Boolean = refuse(path)
}

object ReadOnlyFileSystem {
  val Setting: (String, String) = "spark.hadoop.fs.readonly.impl" -> classOf[ReadOnlyFileSystem].getName

  def of(path: java.nio.file.Path): String = "readonly://" + path
}
