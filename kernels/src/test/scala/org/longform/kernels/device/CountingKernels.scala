package org.longform.kernels.device

import java.lang.reflect.{InvocationHandler, InvocationTargetException, Method, Proxy}
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong

/** Wraps a device and counts its operations: evidence that it was the one that ran. */
final class CountingKernels(delegate: Kernels) {
  private val counts = new ConcurrentHashMap[String, AtomicLong]()

  private val counter = new InvocationHandler {
    override def invoke(proxy: AnyRef, method: Method, arguments: Array[AnyRef]): AnyRef = {
      counts.computeIfAbsent(method.getName, _ => new AtomicLong()).incrementAndGet()
      try method.invoke(delegate, arguments: _*)
      catch { case e: InvocationTargetException => throw e.getCause }
    }
  }

  val kernels: Kernels = Proxy
    .newProxyInstance(classOf[Kernels].getClassLoader, Array[Class[_]](classOf[Kernels]), counter)
    .asInstanceOf[Kernels]

  def count(operation: String): Long =
    Option(counts.get(operation)).map(_.get()).getOrElse(0L)
}
