package org.longform.datasets.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * What {@code models.json} says about the bundled models.
 *
 * @param models in the order of the file
 */
record ModelManifest(List<Model> models) {

  /**
   * @param name what users write
   * @param description one line
   * @param files all files of the model directory
   */
  record Model(String name, String description, List<ModelFile> files) {}

  /**
   * @param name file name inside the model directory
   * @param bytes exact length
   * @param sha256 lower-case hexadecimal
   */
  record ModelFile(String name, long bytes, String sha256) {}

  static ModelManifest read() {
    try (InputStream in = ModelManifest.class.getResourceAsStream("models.json")) {
      return new ObjectMapper().readValue(in, ModelManifest.class);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot list the bundled models: models.json is damaged. Rebuild longform-datasets.", e);
    }
  }
}
