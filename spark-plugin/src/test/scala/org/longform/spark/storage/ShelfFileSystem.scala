package org.longform.spark.storage

import java.net.URI
import java.util.concurrent.atomic.AtomicInteger

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FSDataInputStream, Path, RawLocalFileSystem}
import org.apache.hadoop.fs.permission.FsAction
import org.apache.hadoop.security.AccessControlException

/** A file system like an object store's: files of this machine at addresses that only Hadoop knows. */
class ShelfFileSystem extends RawLocalFileSystem {
  private var conf: Configuration = _

  // the constructor above asks already
  override def getUri: URI = URI.create("shelf://books")
  override def initialize(uri: URI, conf: Configuration): Unit = {
    this.conf = conf
    super.initialize(getUri, conf)
  }
  override def open(path: Path, buffer: Int): FSDataInputStream = {
    ShelfFileSystem.opened.incrementAndGet()
    super.open(path, buffer)
  }
  override def access(path: Path, mode: FsAction): Unit =
    if (path.toString.contains("forbidden"))
      throw new AccessControlException(s"Permission denied for key ${conf.get("fs.shelf.secret.key")}: $path")
}

object ShelfFileSystem {
  val opened = new AtomicInteger
}
