package org.longform.datasets.models

/** A process of its own which unpacks a model and ends, or waits to be killed where it is told "wait". */
class PrintDirectory

object PrintDirectory {
  def main(args: Array[String]): Unit = {
    println(BundledModels.localDirectory("longform-tiny"))
    System.out.flush()
    if (args.contains("wait")) Thread.sleep(600000)
  }
}
