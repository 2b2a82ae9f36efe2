package org.longform.datasets.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.datasets.models.ModelManifest.Model;

/** The models inside this jar, as Hugging Face model directories on the local disk. */
public final class BundledModels {
  private static final ModelManifest MANIFEST = ModelManifest.read();
  private static final ModelUnpacker UNPACKER =
      new ModelUnpacker(BundledModels.class::getResourceAsStream);

  // guarded by the class lock: unpacking is rare and short, and must happen once
  private static final Map<String, Path> UNPACKED = new HashMap<>();
  private static ProcessDirectory home;

  private BundledModels() {}

  /** Names that {@link #localDirectory} knows. */
  public static List<String> names() {
    return MANIFEST.models().stream().map(Model::name).toList();
  }

  /**
   * A directory with config.json, model.safetensors, tokenizer.json and the smaller files of a
   * model. It is unpacked and verified once per process, private to its user, and deleted when the
   * process ends, or when the next one starts if it was killed.
   *
   * @throws IllegalArgumentException if no such model is bundled
   * @throws UncheckedIOException if the disk is full or the jar is damaged
   */
  public static synchronized Path localDirectory(String name) {
    Model model = find(name);
    Path known = UNPACKED.get(name);
    if (known != null && ModelUnpacker.isComplete(model, known)) {
      return known;
    }
    try {
      Path directory = UNPACKER.unpack(model, home());
      UNPACKED.put(name, directory);
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private static Model find(String name) {
    return MANIFEST.models().stream()
        .filter(model -> model.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "Cannot find bundled model '%s': it is not in this jar (known: %s). Use one of these names."
                        .formatted(name, String.join(", ", names()))));
  }

  private static Path home() throws IOException {
    if (home == null || Files.notExists(home.path())) {
      Path parent = Path.of(System.getProperty("java.io.tmpdir"));
      home = ProcessDirectory.create(parent, "longform-models-");
      ProcessDirectory doomed = home;
      Runtime.getRuntime()
          .addShutdownHook(new Thread(() -> deleteAtExit(doomed), "longform-models-cleanup"));
    }
    return home.path();
  }

  private static void deleteAtExit(ProcessDirectory directory) {
    try {
      directory.delete();
    } catch (IOException e) {
      System.err.println( // loggers may be shut down already
          "Cannot delete the unpacked models: "
              + e.getMessage()
              + " ("
              + directory.path()
              + "). Delete the directory.");
    }
  }
}
