package org.longform.datasets.models

/** A process of its own which unpacks a model and ends. */
class PrintDirectory

object PrintDirectory {
  def main(args: Array[String]): Unit = println(BundledModels.localDirectory("longform-tiny"))
}
