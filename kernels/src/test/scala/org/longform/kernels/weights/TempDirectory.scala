package org.longform.kernels.weights

import java.nio.file.{Files, Path}
import java.util.Comparator

/** A directory that is gone after its use. */
object TempDirectory {
  def use[A](body: Path => A): A = {
    val directory = Files.createTempDirectory("longform-test-")
    try body(directory)
    finally {
      val paths = Files.walk(directory)
      try paths.sorted(Comparator.reverseOrder[Path]()).forEach(path => Files.delete(path))
      finally paths.close()
    }
  }
}
