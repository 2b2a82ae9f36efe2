package org.longform.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.longform.datasets.models.BundledModels;
import org.longform.hub.HubModel;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.model.adapter.LoraAdapter;
import org.longform.kernels.weights.GgufParts;
import org.longform.kernels.weights.GgufWeights;

/**
 * Where a model is.
 *
 * @param name as the user named it
 * @param path a local directory in Hugging Face's layout, or a GGUF file, of several parts the
 *     first
 * @param adapter a local directory with a LoRA adapter that is a part of the model, if it has one
 */
public record ModelLocation(String name, Path path, Optional<Path> adapter) {
  private static final String CONFIG = "config.json";

  /** A model without an adapter. */
  public ModelLocation(String name, Path path) {
    this(name, path, Optional.empty());
  }

  /** The same model with an adapter that lies in a local directory. */
  public ModelLocation with(Path adapterDirectory) {
    return new ModelLocation(name, path, Optional.of(adapterDirectory));
  }

  /**
   * The model on disk, with the adapter in its weights.
   *
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying what is wrong
   */
  public StoredModel open() {
    requireModel();
    StoredModel model = StoredModel.open(path);
    try {
      return adapter.isPresent() ? LoraAdapter.mergeToRead(model, adapter.get()) : model;
    } catch (Throwable e) {
      model.close();
      throw e;
    }
  }

  /** What the model is; that an adapter fits it is checked, too, but its numbers are not read. */
  public DecoderSpec spec() {
    if (adapter.isEmpty()) {
      requireModel();
      return StoredModel.spec(path);
    }
    try (StoredModel model = open()) {
      return model.spec();
    }
  }

  /** Refuses an adapter that is named as if it were the model it changes. */
  private void requireModel() {
    if (Files.isDirectory(path)
        && !Files.exists(path.resolve(CONFIG))
        && Files.exists(path.resolve(LoraAdapter.CONFIG))) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot read with model '%s': it is an adapter without the model that it changes. Name that model%s, and this as its adapter."
              .formatted(
                  name, LoraAdapter.baseOf(path).map(base -> " ('" + base + "')").orElse("")));
    }
  }

  /**
   * Finds a model by what the user calls it: a bundled model's name, a local directory or GGUF
   * file, or a {@code file:} URI of one. An adapter's directory is found in the same way.
   *
   * @throws LongformException INVALID_MODEL saying what was tried
   */
  public static ModelLocation resolve(String name) {
    List<String> bundled = BundledModels.names();
    if (bundled.contains(name)) {
      return new ModelLocation(name, BundledModels.localDirectory(name));
    }
    Path path = path(name);
    String why = null;
    if (Files.isDirectory(path)) {
      why =
          Files.isRegularFile(path.resolve(CONFIG))
                  || Files.isRegularFile(path.resolve(LoraAdapter.CONFIG))
              ? null
              : "the directory has no config.json";
    } else if (!Files.exists(path)) {
      why = "there is no such directory or file";
    } else if (!GgufWeights.isGguf(path)) {
      why = "it is a file that does not end in .gguf";
    }
    if (why != null) {
      throw invalid(name, "%s (%s)".formatted(why, path.toAbsolutePath()), bundled);
    }
    return new ModelLocation(name, path);
  }

  /** Bytes of the files that are mapped to read with the model. */
  public long bytes() {
    return bytes(path) + adapter.map(ModelLocation::bytes).orElse(0L);
  }

  private static long bytes(Path path) {
    try (Stream<Path> files =
        Files.isDirectory(path) ? Files.list(path) : GgufParts.files(path).stream()) {
      return files
          .filter(file -> file.toString().matches(".*\\.(safetensors|gguf)"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The name as another process on any node may use it: a relative path made absolute, since an
   * executor has a working directory of its own, and a name of the hub made an address, which is no
   * path anywhere. Everything else is left as it is.
   */
  public static String portable(String name) {
    if (BundledModels.names().contains(name)) {
      return name;
    }
    Optional<HubModel> ofHub = ofHub(name);
    if (ofHub.isPresent()) {
      return ofHub.get().uri();
    }
    Path path = path(name);
    return Files.isDirectory(path) || (GgufWeights.isGguf(path) && Files.exists(path))
        ? path.toAbsolutePath().normalize().toString()
        : name;
  }

  /**
   * What a name means on the hub; empty if it is a bundled model or a local file or directory,
   * which go before, or no name of the hub.
   *
   * @throws LongformException INVALID_MODEL for an {@code hf://} address that means nothing
   */
  static Optional<HubModel> ofHub(String name) {
    boolean local =
        BundledModels.names().contains(name)
            || !HubModel.isNamed(name)
            || (!name.startsWith(HubModel.SCHEME) && Files.exists(path(name)));
    return local ? Optional.empty() : HubModel.of(name);
  }

  /** The local path of a name; links count as what they point to. */
  static Path real(String name) {
    Path path = path(name);
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path.toAbsolutePath().normalize();
    }
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
        "Cannot find model '%s': %s. Give a Hugging Face directory or a .gguf file that every node can read, a name of the hub (org/name), or a bundled model (%s)."
            .formatted(name, why, String.join(", ", bundled)));
  }
}
