package org.longform.runtime;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.longform.datasets.models.BundledModels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Where a model's files are.
 *
 * @param name as the user named it
 * @param directory a local directory in Hugging Face's layout
 */
public record ModelLocation(String name, Path directory) {

  /**
   * Finds a model by what the user calls it: a bundled model's name, a local directory, or a {@code
   * file:} URI of one.
   *
   * @throws LongformException INVALID_MODEL saying what was tried
   */
  public static ModelLocation resolve(String name) {
    List<String> bundled = BundledModels.names();
    if (bundled.contains(name)) {
      return new ModelLocation(name, BundledModels.localDirectory(name));
    }
    Path directory = path(name);
    if (!Files.isDirectory(directory)) {
      throw invalid(
          name,
          Files.exists(directory)
              ? "it is a file, not a directory (%s)".formatted(directory.toAbsolutePath())
              : "there is no such directory (%s)".formatted(directory.toAbsolutePath()),
          bundled);
    }
    if (!Files.isRegularFile(directory.resolve("config.json"))) {
      throw invalid(
          name,
          "the directory has no config.json (%s)".formatted(directory.toAbsolutePath()),
          bundled);
    }
    return new ModelLocation(name, directory);
  }

  /**
   * The name as another process on any node may use it: a relative path made absolute, since an
   * executor has a working directory of its own. What is no local directory is left as it is.
   */
  public static String portable(String name) {
    if (BundledModels.names().contains(name)) {
      return name;
    }
    Path directory = path(name);
    return Files.isDirectory(directory) ? directory.toAbsolutePath().normalize().toString() : name;
  }

  private static Path path(String name) {
    try {
      return name.startsWith("file:") ? Path.of(URI.create(name)) : Path.of(name);
    } catch (IllegalArgumentException e) {
      throw invalid(name, "it is not a path (%s)".formatted(e.getMessage()), BundledModels.names());
    }
  }

  private static LongformException invalid(String name, String why, List<String> bundled) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot find model '%s': %s. Give a Hugging Face directory that every node can read, or a bundled model (%s)."
            .formatted(name, why, String.join(", ", bundled)));
  }
}
