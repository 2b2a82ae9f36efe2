package org.longform.kernels.cache

import java.io.IOException
import java.nio.{ByteBuffer, MappedByteBuffer}
import java.nio.channels.{FileChannel, FileLock, ReadableByteChannel, WritableByteChannel}
import java.util.concurrent.atomic.AtomicLong

/** A file on a disk that is full once `room` more bytes were written. */
class FailingFile(file: FileChannel, room: AtomicLong) extends FileChannel {
  override def write(source: ByteBuffer, position: Long): Int = {
    if (room.addAndGet(-source.remaining().toLong) < 0) throw new IOException("No space left on device")
    file.write(source, position)
  }
  override def map(mode: FileChannel.MapMode, position: Long, size: Long): MappedByteBuffer =
    file.map(mode, position, size)
  override def implCloseChannel(): Unit = file.close()
  override def size(): Long = file.size()

  private def unused: Nothing = throw new UnsupportedOperationException
  override def read(target: ByteBuffer): Int = unused
  override def read(targets: Array[ByteBuffer], offset: Int, length: Int): Long = unused
  override def read(target: ByteBuffer, position: Long): Int = unused
  override def write(source: ByteBuffer): Int = unused
  override def write(sources: Array[ByteBuffer], offset: Int, length: Int): Long = unused
  override def position(): Long = unused
  override def position(newPosition: Long): FileChannel = unused
  override def truncate(size: Long): FileChannel = unused
  override def force(metaData: Boolean): Unit = unused
  override def transferTo(position: Long, count: Long, target: WritableByteChannel): Long = unused
  override def transferFrom(source: ReadableByteChannel, position: Long, count: Long): Long = unused
  override def lock(position: Long, size: Long, shared: Boolean): FileLock = unused
  override def tryLock(position: Long, size: Long, shared: Boolean): FileLock = unused
}
