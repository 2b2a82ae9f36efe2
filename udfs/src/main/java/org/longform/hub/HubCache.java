package org.longform.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.longform.kernels.error.LongformException;

/**
 * One model in the hub's cache, in the layout that the hub's own library reads and writes: {@code
 * refs/<revision>} holds a commit, {@code snapshots/<commit>/<file>} leads to {@code blobs/<etag>},
 * and {@code .no_exist/<commit>/<file>} says that a commit has no such file.
 */
final class HubCache {
  private static final String INCOMPLETE = ".incomplete";
  // never the file that a running program of another kind writes
  private static final String OURS = ".longform" + INCOMPLETE;
  private static final Duration QUIET = Duration.ofMinutes(1);
  private static final int LONGEST_REF = 100;

  private final Path root;
  private final Path home;
  private final Linker linker;

  /** Makes a name for a file; tests replace it by one that cannot. */
  interface Linker {
    void link(Path link, Path target) throws IOException;
  }

  HubCache(Path root, HubModel model, Linker linker) {
    this.root = root;
    this.home = root.resolve("models--" + model.id().replace("/", "--"));
    this.linker = linker;
  }

  Path home() {
    return home;
  }

  Path snapshot(String commit) {
    return home.resolve("snapshots").resolve(commit);
  }

  /** The commit that a branch or tag was when it was last asked for. */
  Optional<String> commit(HubModel model) throws IOException {
    if (model.isPinned()) {
      return model.revision();
    }
    Path ref = home.resolve("refs").resolve(model.revisionOrMain());
    if (!Files.isRegularFile(ref, LinkOption.NOFOLLOW_LINKS) || Files.size(ref) > LONGEST_REF) {
      return Optional.empty();
    }
    return Optional.of(Files.readString(ref, StandardCharsets.UTF_8).strip())
        .filter(HubModel::isCommit);
  }

  void writeCommit(HubModel model, String commit) throws IOException {
    Path ref = home.resolve("refs").resolve(model.revisionOrMain());
    if (!model.isPinned() && !commit(model).equals(Optional.of(commit))) {
      createDirectories(ref.getParent());
      Path written = ref.resolveSibling(".ref-" + ProcessHandle.current().pid());
      Files.deleteIfExists(written);
      Files.writeString(
          written,
          commit,
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.WRITE);
      Files.move(written, ref, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** The lock of all processes of this product that write here. */
  Path lockFile() throws IOException {
    createRoot();
    Path locks = root.resolve(".locks").resolve(home.getFileName());
    createDirectories(locks);
    return locks.resolve("longform.lock");
  }

  void createHome(String commit) throws IOException {
    createDirectories(home.resolve("blobs"));
    createDirectories(snapshot(commit));
  }

  /** Where the content of a file belongs. */
  Path blob(HubFile file) {
    return home.resolve("blobs").resolve(file.etag());
  }

  /** Where it is while it arrives; what another program left of it is taken over. */
  Path partial(HubFile file) throws IOException {
    Path ours = home.resolve("blobs").resolve(file.etag() + OURS);
    Path others = home.resolve("blobs").resolve(file.etag() + INCOMPLETE);
    if (!Files.exists(ours, LinkOption.NOFOLLOW_LINKS)
        && Files.isRegularFile(others, LinkOption.NOFOLLOW_LINKS)
        && Files.getLastModifiedTime(others).toInstant().isBefore(Instant.now().minus(QUIET))) {
      try {
        Files.move(others, ours, StandardCopyOption.ATOMIC_MOVE);
      } catch (NoSuchFileException e) {
        return ours; // it was finished or removed just now
      }
    }
    return ours;
  }

  /** Whether the content is here, of the length it must have. */
  boolean holds(HubFile file) throws IOException {
    Path blob = blob(file);
    return Files.isRegularFile(blob, LinkOption.NOFOLLOW_LINKS) && Files.size(blob) == file.bytes();
  }

  /** Bytes of a file that are here already. */
  long bytesHere(HubFile file, String commit) throws IOException {
    if (holds(file) || isCopied(file, commit)) {
      return file.bytes();
    }
    Path partial = partial(file);
    long bytes = Files.isRegularFile(partial, LinkOption.NOFOLLOW_LINKS) ? Files.size(partial) : 0;
    return bytes > file.bytes() ? 0 : bytes;
  }

  /** Whether a snapshot has the file itself, as on disks without links. */
  boolean isCopied(HubFile file, String commit) throws IOException {
    Path path = snapshot(commit).resolve(file.name());
    return Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) && Files.size(path) == file.bytes();
  }

  /** Gives the content its name in a snapshot. */
  void link(HubFile file, String commit) throws IOException {
    Path name = snapshot(commit).resolve(file.name());
    Path blob = blob(file);
    createDirectories(name.getParent());
    if (Files.exists(name) && isSame(name, blob)) {
      return;
    }
    Path temporary = name.resolveSibling(".link-" + ProcessHandle.current().pid());
    Files.deleteIfExists(temporary);
    try {
      linker.link(temporary, name.getParent().relativize(blob));
    } catch (IOException | UnsupportedOperationException e) {
      // not on every disk, and on Windows not for everybody
      copy(blob, temporary);
    }
    Files.move(
        temporary, name, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static boolean isSame(Path name, Path blob) throws IOException {
    return Files.exists(blob) && Files.isSameFile(name, blob);
  }

  private static void copy(Path blob, Path target) throws IOException {
    try {
      Files.createLink(target, blob);
    } catch (IOException | UnsupportedOperationException e) {
      Files.copy(blob, target);
    }
  }

  /** Notes that a commit has no such file. */
  void writeMissing(String name, String commit) throws IOException {
    Path marker = home.resolve(".no_exist").resolve(commit).resolve(name);
    createDirectories(marker.getParent());
    try {
      Files.createFile(marker);
    } catch (FileAlreadyExistsException e) {
      return; // noted before
    }
  }

  boolean isKnownMissing(String name, String commit) {
    return Files.exists(home.resolve(".no_exist").resolve(commit).resolve(name));
  }

  /** Names of the files of a snapshot, with directories; empty if there is none. */
  List<String> names(String commit) throws IOException {
    Path snapshot = snapshot(commit);
    if (!Files.isDirectory(snapshot)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.walk(snapshot)) {
      return paths
          .filter(Files::isRegularFile)
          .map(path -> snapshot.relativize(path).toString().replace('\\', '/'))
          .sorted()
          .toList();
    }
  }

  /**
   * A file of a snapshot, which a link may not lead out of the model's place in the cache.
   *
   * @throws LongformException INVALID_MODEL if one does
   */
  Path inside(String commit, String name) throws IOException {
    Path path = snapshot(commit).resolve(name);
    Path real = path.toRealPath();
    if (!real.startsWith(home.toRealPath())) {
      throw leadsOut(path, real);
    }
    return path;
  }

  private void createDirectories(Path directory) throws IOException {
    createRoot();
    Files.createDirectories(directory);
    if (!directory.toRealPath().startsWith(root.toRealPath())) {
      throw leadsOut(directory, directory.toRealPath());
    }
  }

  private LongformException leadsOut(Path path, Path real) {
    return HubRefusals.invalid(
        "Cannot use the hub's cache %s: its %s leads out of it (to %s). Remove it, or set HF_HUB_CACHE to another directory."
            .formatted(root, root.relativize(path), real));
  }

  // whoever could write here could give others weights
  private void createRoot() throws IOException {
    if (Files.isDirectory(root)) {
      requireOwn();
      return;
    }
    Files.createDirectories(root.getParent());
    try {
      Files.createDirectory(
          root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    } catch (UnsupportedOperationException e) {
      Files.createDirectory(root);
    } catch (FileAlreadyExistsException e) {
      requireOwn(); // another process made it just now
    }
  }

  // anybody can make a directory of our name among the temporary files
  private void requireOwn() throws IOException {
    if (!Path.of(System.getProperty("java.io.tmpdir")).equals(root.getParent())) {
      return;
    }
    Path own = Files.createTempFile("longform-owner-", null);
    try {
      if (!Files.getOwner(root).equals(Files.getOwner(own))) {
        throw new IOException(
            "directory %s belongs to user %s".formatted(root, Files.getOwner(root).getName()));
      }
    } finally {
      Files.delete(own);
    }
  }
}
