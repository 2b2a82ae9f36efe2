package org.longform.tokenizer;

import java.nio.file.Path;
import java.util.Optional;
import org.longform.kernels.weights.GgufWeights;

/**
 * The small text files of a model, named as in Hugging Face's layout: those of a directory, or what
 * they would be for a GGUF file, which holds the same in its metadata.
 */
public interface ModelFiles {
  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if the file is there and
   *     cannot be read
   */
  Optional<ModelFile> find(String name);

  /** The model's directory or file. */
  Path place();

  /** The file, which the model must have. */
  default ModelFile require(String name) {
    return find(name).orElseThrow(() -> ModelFile.missing(place(), name));
  }

  /** The files of the model at a path. */
  static ModelFiles of(Path model) {
    return GgufWeights.isGguf(model) ? GgufModelFiles.read(model) : new DirectoryFiles(model);
  }

  /** As they are. */
  record DirectoryFiles(Path place) implements ModelFiles {
    @Override
    public Optional<ModelFile> find(String name) {
      return ModelFile.find(place, name);
    }
  }
}
