package org.longform.read

import java.nio.file.Path
import java.util.function.BooleanSupplier

import org.longform.models.{FurtherModels, LoadedModel}

/** For readers that have one model. */
object NoFurtherModels extends FurtherModels {
  override def load(name: String, cancelled: BooleanSupplier): LoadedModel =
    throw new AssertionError(s"nobody needs $name")
  override def files(name: String): Path = throw new AssertionError(s"nobody needs $name")
}
