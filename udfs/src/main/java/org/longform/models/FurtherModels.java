package org.longform.models;

import java.nio.file.Path;
import java.util.function.BooleanSupplier;

/** Finds models beside the one that writes, by the names users give them. */
public interface FurtherModels {
  /** The model, loaded if it is not yet; {@code cancelled} is asked while the caller waits. */
  LoadedModel load(String name, BooleanSupplier cancelled);

  /** The local directory of files that are named like a model. */
  Path files(String name);
}
