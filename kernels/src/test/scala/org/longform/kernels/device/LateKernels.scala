package org.longform.kernels.device

import java.lang.reflect.{InvocationHandler, InvocationTargetException, Method, Proxy}
import java.util.Optional

import scala.collection.JavaConverters._
import scala.collection.mutable

import org.longform.kernels.cache.{RowChoice, Rows}
import org.longform.kernels.error.{ErrorClass, LongformException}
import org.longform.kernels.tensor.{HostBytes, Memory, MemoryOwner, MemorySource, Tensor}

/** A device with memory of its own that does what it is asked for only when somebody waits for it, as cards
  * may: who reads too early finds what was there before. It refuses more than `room` bytes, and reads so many
  * of pinned memory beside them. For one thread.
  */
final class LateKernels(delegate: Kernels, room: Long = Long.MaxValue, pinnedRoom: Long = 0) {
  private val due = mutable.Queue.empty[() => Unit]
  private val blocks = mutable.Map.empty[Long, Memory]
  private var working = false

  /** Operations that were not done when they were asked for. */
  var deferred = 0L

  /** Most bytes that were held at once. */
  var most = 0L

  /** Pieces of memory that were copied without the host. */
  var copied = 0L

  /** How often the host waited; that memory goes back at once is no device's need. */
  var waits = 0L

  /** Lists of rows that were chosen. */
  var chosen = 0L

  private var taken = 0L
  private val pinned = mutable.Set.empty[Long]

  private def await(): Unit = if (!working) {
    waits += 1
    finish()
  }

  private def finish(): Unit = if (!working) {
    working = true
    try while (due.nonEmpty) due.dequeue()()
    finally working = false
  }

  private val owner: MemoryOwner = new MemoryOwner {
    override def read(from: Long, to: Long, bytes: Long): Unit = {
      await()
      HostBytes.copy(from, to, bytes)
    }

    override def write(from: Long, to: Long, bytes: Long): Unit =
      if (working) HostBytes.copy(from, to, bytes)
      else {
        // those of the host may change when this returns
        val content = new Array[Byte](bytes.toInt)
        HostBytes.at(from, bytes)(_.readBytes(0, content, 0, content.length))
        due += { () =>
          val (begin, block) = blockOf(to)
          block.writeBytes(to - begin, content, 0, content.length)
        }
      }

    override def copy(pieces: Array[Long], count: Int): Unit = {
      copied += count
      val list = pieces.take(3 * count).grouped(3).toList
      due += { () =>
        val read = list.map { case Array(from, _, bytes) =>
          val (begin, block) = blockOf(from)
          val content = new Array[Byte](bytes.toInt)
          block.readBytes(from - begin, content, 0, content.length)
          content
        }
        for ((Array(_, to, _), content) <- list.zip(read)) {
          val (begin, block) = blockOf(to)
          block.writeBytes(to - begin, content, 0, content.length)
        }
      }
    }

    override def release(address: Long): Unit = {
      finish()
      val block = blocks.remove(address).get
      if (!pinned.remove(address)) taken -= block.size()
      block.close()
    }
  }

  private val source: MemorySource = size => {
    if (size > room - taken)
      throw new LongformException(
        ErrorClass.OUT_OF_MEMORY,
        s"Cannot allocate $size bytes: the device is full."
      )
    taken += size
    most = math.max(most, taken)
    val block = Memory.allocate(size)
    blocks(block.address(0)) = block
    Memory.of(owner, block.address(0), size)
  }

  /** Its blocks are not zeroed. */
  private val pinnedSource: MemorySource = size => {
    if (size > pinnedRoom - pinned.toSeq.map(blocks(_).size()).sum)
      throw new LongformException(ErrorClass.OUT_OF_MEMORY, s"Cannot pin $size bytes.")
    val block = Memory.allocate(size)
    block.writeBytes(0, Array.fill[Byte](size.toInt)(-1), 0, size.toInt)
    blocks(block.address(0)) = block
    pinned += block.address(0)
    Memory.of(owner, block.address(0), size)
  }

  /** Blocks that were not given back. */
  def held: Int = blocks.size

  val kernels: Kernels = Proxy
    .newProxyInstance(
      classOf[Kernels].getClassLoader,
      Array[Class[_]](classOf[Kernels]),
      new InvocationHandler {
        override def invoke(proxy: AnyRef, method: Method, arguments: Array[AnyRef]): AnyRef =
          answer(method, Option(arguments).getOrElse(Array.empty[AnyRef]))
      }
    )
    .asInstanceOf[Kernels]

  private def answer(method: Method, arguments: Array[AnyRef]): AnyRef = {
    def call(): AnyRef =
      try method.invoke(delegate, arguments: _*)
      catch { case e: InvocationTargetException => throw e.getCause }
    if (method.getName == "memory") source
    else if (method.getName == "pinnedMemory") Optional.of(pinnedSource).filter(_ => pinnedRoom > 0)
    else if (method.getName == "spans") Rows.chosen(new Choice(arguments(0).asInstanceOf[SpansRequest]))
    else if (method.getReturnType == Void.TYPE && arguments.forall(isOwn)) {
      deferred += 1
      due += (() => call())
      null
    } else {
      // what the host reads or writes must be there when this returns
      await()
      call()
    }
  }

  /** Rows that are chosen when the turn comes, and given back when whoever was to read them has. */
  private final class Choice(request: SpansRequest) extends RowChoice {
    private var rows = Option.empty[Rows]
    private var open = true
    chosen += 1
    due += (() => rows = Some(delegate.spans(request)))

    override def from: Long = request.keys().from()
    override def to: Long = request.keys().to()

    override def told(): Rows = {
      assert(open || working, "the plan is closed")
      await()
      rows.get
    }

    override def count(target: Memory, offset: Long): Unit = {
      val at = target.address(offset, owner)
      due += { () =>
        val (begin, block) = blockOf(at)
        block.putLong(at - begin, rows.get.count(0))
      }
    }

    override def close(): Unit = if (open) {
      open = false
      due += (() => rows = None)
    }
  }

  private def isOwn(argument: AnyRef): Boolean = argument match {
    case tensor: Tensor          => tensor.memory().isOwnedBy(owner)
    case list: java.util.List[_] => list.asScala.forall(each => isOwn(each.asInstanceOf[AnyRef]))
    case request: AttendRequest =>
      (request.taps() eq AttendTaps.NONE) && isOwn(request.queries()) && isOwn(request.out())
    case _: QueryRowsRequest => false
    case _                   => true
  }

  private def blockOf(address: Long): (Long, Memory) = blocks.find(holds(address, _)).get

  private def holds(address: Long, block: (Long, Memory)): Boolean =
    address >= block._1 && address < block._1 + block._2.size()
}
