package org.longform.datasets.models;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.longform.datasets.models.ModelManifest.Model;
import org.longform.datasets.models.ModelManifest.ModelFile;

/** Copies a model out of the jar and checks every file against the manifest. */
final class ModelUnpacker {
  private final Resources resources;

  /** Opens a file of a model; null if there is none, as class loaders answer. */
  @FunctionalInterface
  interface Resources {
    InputStream open(String path) throws IOException;
  }

  ModelUnpacker(Resources resources) {
    this.resources = resources;
  }

  /**
   * Unpacks into {@code parent/<model name>}, which appears only when it is complete.
   *
   * @param parent a directory no other process writes to
   */
  Path unpack(Model model, Path parent) throws IOException {
    Path target = parent.resolve(model.name());
    Path partial = Files.createTempDirectory(parent, model.name() + ".partial");
    try {
      for (ModelFile file : model.files()) {
        copy(model, file, partial.resolve(file.name()));
      }
      Trees.delete(target); // what a cleaner of temporary files left of it
      return Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Trees.delete(partial);
      throw e;
    }
  }

  /**
   * Whether all files are still there in full length; cleaners of temporary directories take single
   * files.
   */
  static boolean isComplete(Model model, Path directory) {
    return model.files().stream()
        .allMatch(file -> hasLength(directory.resolve(file.name()), file.bytes()));
  }

  private static boolean hasLength(Path file, long bytes) {
    try {
      return Files.isRegularFile(file) && Files.size(file) == bytes;
    } catch (IOException e) {
      return false; // gone between the two calls
    }
  }

  private void copy(Model model, ModelFile file, Path target) throws IOException {
    MessageDigest digest = sha256();
    long bytes;
    try (InputStream in = resources.open(model.name() + "/" + file.name())) {
      if (in == null) {
        throw new IOException(problem(model, file, "is missing", "not found"));
      }
      try (OutputStream out = Files.newOutputStream(target)) {
        bytes = new DigestInputStream(in, digest).transferTo(out);
      }
    }
    if (bytes != file.bytes()) {
      throw new IOException(
          problem(
              model, file, "has the wrong length", bytes + " bytes instead of " + file.bytes()));
    }
    String sha256 = HexFormat.of().formatHex(digest.digest());
    if (!sha256.equals(file.sha256())) {
      throw new IOException(
          problem(
              model,
              file,
              "has the wrong content",
              "sha256 " + sha256 + " instead of " + file.sha256()));
    }
  }

  private static String problem(Model model, ModelFile file, String what, String value) {
    return "Cannot unpack bundled model '%s': file %s %s (%s). Replace the longform-datasets jar."
        .formatted(model.name(), file.name(), what, value);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(
          "Cannot check a bundled model: this Java runtime has no SHA-256. Use a complete runtime.",
          e);
    }
  }
}
