package org.longform.models;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.longform.datasets.models.ProcessLock;
import org.longform.datasets.models.Trees;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.GgufParts;
import org.longform.models.ModelStore.StoredFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of stored models on this machine's disk, shared by all its processes: {@code
 * model/revision/files}. The first process that needs a revision fetches it under a lock; a copy
 * appears when it is whole. A model that changes at its source becomes a revision of its own, so
 * what other processes have mapped stays as it is.
 */
final class ModelCache {
  private static final Logger LOG = LoggerFactory.getLogger(ModelCache.class);
  private static final String MODEL_FILES = ".*\\.(json|safetensors|jinja)";
  private static final int NAME_DIGITS = 12;
  private static final int REVISION_DIGITS = 16;
  private static final String PARTIAL = ".partial";

  private final Path root;

  ModelCache(Path root) {
    this.root = root;
  }

  /** Where copies lie unless the user says otherwise: in the user's cache, or beside it. */
  static Path defaultRoot() {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path home =
        cache == null || cache.isBlank()
            ? Path.of(System.getProperty("user.home", "/"), ".cache")
            : Path.of(cache);
    // containers often have no home
    return Files.isWritable(home) || Files.isWritable(home.toAbsolutePath().getParent())
        ? home.resolve("longform").resolve("models")
        : Path.of(
            System.getProperty("java.io.tmpdir"),
            "longform-model-cache-" + System.getProperty("user.name", "user"));
  }

  /**
   * The local path of a model's current revision, fetched if it is not here or not whole.
   *
   * @throws LongformException INVALID_MODEL with a sentence
   */
  Path fetch(String model, ModelStore store) {
    List<StoredFile> listed = store.list(model);
    boolean gguf = listed.size() == 1 && isGguf(listed.get(0));
    List<StoredFile> files = gguf ? parts(store, listed.get(0)) : wanted(model, listed);
    Path home = root.resolve(directoryName(model));
    Path target = home.resolve(revision(files));
    try {
      if (!LocalCopy.isWhole(target)) {
        fetch(model, store, files, target);
      }
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot copy model '%s' to this machine: %s (directory %s). Check the directory's permissions and free space, or set spark.longform.modelCache to another."
              .formatted(model, reason(e), home),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot copy model '%s' to this machine: the task was cancelled. Run it again."
              .formatted(model),
          e);
    }
    return gguf ? target.resolve(files.get(0).name()) : target;
  }

  private void fetch(String model, ModelStore store, List<StoredFile> files, Path target)
      throws IOException, InterruptedException {
    createPrivate(root);
    Path home = target.getParent();
    Files.createDirectories(home);
    ProcessLock lock =
        ProcessLock.hold(
            home.resolve("lock"),
            () -> LOG.info("Waiting for another process that copies model '{}'.", model));
    try {
      removePartial(home);
      if (!LocalCopy.isWhole(target)) {
        copy(model, store, files, target);
      }
    } finally {
      lock.close();
    }
  }

  private static void copy(String model, ModelStore store, List<StoredFile> files, Path target)
      throws IOException {
    Path home = target.getParent();
    long bytes = files.stream().mapToLong(StoredFile::bytes).sum();
    requireRoom(model, home, bytes);
    LOG.info("Copying model '{}' ({} bytes) to {}.", model, bytes, target);
    long started = System.nanoTime();
    Path partial = home.resolve(target.getFileName() + PARTIAL);
    Files.createDirectory(partial);
    try {
      LocalCopy.write(store, files, partial);
      Trees.delete(target); // a copy that is not whole
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Trees.delete(partial);
    }
    LOG.info("Copied model '{}' in {} ms.", model, (System.nanoTime() - started) / 1_000_000);
  }

  /** What a killed process left; the lock says that nobody is at it. */
  private static void removePartial(Path home) throws IOException {
    List<Path> left;
    try (Stream<Path> entries = Files.list(home)) {
      left = entries.filter(entry -> entry.toString().endsWith(PARTIAL)).toList();
    }
    for (Path partial : left) {
      Trees.delete(partial);
    }
  }

  private static void requireRoom(String model, Path home, long bytes) throws IOException {
    long room = Files.getFileStore(home).getUsableSpace();
    if (room < bytes) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          String.format(
              Locale.ROOT,
              "Cannot copy model '%s' to this machine: it has %,d bytes and there is room for %,d (directory %s). Free some, or set spark.longform.modelCache to a directory with more.",
              model,
              bytes,
              room,
              home));
    }
  }

  private static boolean isGguf(StoredFile file) {
    return file.name().endsWith(".gguf");
  }

  /** Of a GGUF file all parts, if it is the first of several. */
  private static List<StoredFile> parts(ModelStore store, StoredFile first) {
    List<StoredFile> parts = new ArrayList<>(List.of(first));
    List<String> locations = GgufParts.names(first.location());
    locations.stream().skip(1).forEach(location -> parts.addAll(store.list(location)));
    return parts;
  }

  private static List<StoredFile> wanted(String model, List<StoredFile> files) {
    List<StoredFile> wanted =
        files.stream()
            .filter(
                file -> file.name().matches(MODEL_FILES) || file.name().equals(LocalCopy.CHECKSUMS))
            .sorted(Comparator.comparing(StoredFile::name))
            .toList();
    if (wanted.stream().noneMatch(file -> file.name().matches("(adapter_)?config\\.json"))) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot find model '%s': what is there has no config.json and is no .gguf file. Give a Hugging Face directory or a .gguf file."
              .formatted(model));
    }
    return wanted;
  }

  private static String revision(List<StoredFile> files) {
    StringBuilder text = new StringBuilder();
    files.forEach(
        file -> text.append("%s:%d:%s%n".formatted(file.name(), file.bytes(), file.version())));
    return digits(text.toString(), REVISION_DIGITS);
  }

  private static String directoryName(String model) {
    String last = model.replaceAll("/+$", "").replaceAll(".*/", "");
    return last.replaceAll("[^A-Za-z0-9._-]", "_") + "-" + digits(model, NAME_DIGITS);
  }

  private static String digits(String text, int count) {
    byte[] digest = LocalCopy.sha256().digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest).substring(0, count);
  }

  /** Other users' processes must not be able to put weights here. */
  private static void createPrivate(Path root) throws IOException {
    if (Files.isDirectory(root)) {
      requireOwn(root);
      return;
    }
    Files.createDirectories(root.toAbsolutePath().getParent());
    try {
      Files.createDirectory(
          root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (UnsupportedOperationException e) {
      Files.createDirectory(root);
    } catch (FileAlreadyExistsException e) {
      LOG.debug("Another process made {} just now.", root);
    }
  }

  // anybody can make a directory with our name among the temporary files; elsewhere its owner is
  // whoever set up the machine
  private static void requireOwn(Path root) throws IOException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    if (!temporary.equals(root.getParent())) {
      return;
    }
    Path own = Files.createTempFile("longform-owner-", null);
    try {
      if (!Files.getOwner(root).equals(Files.getOwner(own))) {
        throw new IOException("it belongs to user " + Files.getOwner(root).getName());
      }
    } finally {
      Files.delete(own);
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null
        ? e.getClass().getSimpleName()
        : e.getClass().getSimpleName() + " (" + e.getMessage() + ")";
  }
}
