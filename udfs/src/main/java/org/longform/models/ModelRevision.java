package org.longform.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.longform.kernels.weights.GgufParts;

/**
 * What tells two versions of a model apart: the commit of a hub snapshot where the directory is
 * one, else a fingerprint of its files.
 */
public final class ModelRevision {
  // of a large file the first and last part count, so that naming a model does not read all of it
  private static final int SAMPLE_BYTES = 1 << 20;

  private record Known(String stamp, String revision) {}

  private static final Map<Path, Known> KNOWN = new ConcurrentHashMap<>();

  private ModelRevision() {}

  /**
   * As {@link #of}, read again only if the size or the time of a file has changed since: cheap
   * enough to ask before each document.
   */
  public static String current(Path model) {
    String stamp = stamp(model);
    Known known = KNOWN.get(model);
    if (known == null || !known.stamp.equals(stamp)) {
      known = new Known(stamp, of(model));
      KNOWN.put(model, known);
    }
    return known.revision;
  }

  private static String stamp(Path model) {
    try {
      StringBuilder stamp = new StringBuilder();
      for (Path file : modelFiles(model)) {
        stamp
            .append(file.getFileName())
            .append(':')
            .append(Files.size(file))
            .append(':')
            .append(Files.getLastModifiedTime(file))
            .append('\n');
      }
      return stamp.toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As {@link #of(ModelLocation)}, read again as {@link #current(Path)}. */
  public static String current(ModelLocation location) {
    return of(location, ModelRevision::current);
  }

  /**
   * As {@link #of(Path)}, with the place in the commit where one has several models; with an
   * adapter, that of both.
   */
  public static String of(ModelLocation location) {
    return of(location, ModelRevision::of);
  }

  private static String of(ModelLocation location, Function<Path, String> revision) {
    return Stream.concat(Stream.of(location.path()), location.adapter().stream())
        .map(path -> revision.apply(path) + placeInCommit(path))
        .collect(Collectors.joining("+"));
  }

  private static String placeInCommit(Path model) {
    return snapshot(model)
        .map(snapshot -> snapshot.relativize(normal(model)).toString())
        .filter(place -> !place.isEmpty())
        .map(place -> "/" + place.replace('\\', '/'))
        .orElse("");
  }

  /** 16 hexadecimal digits, or the 40 of a commit. */
  public static String of(Path model) {
    Optional<Path> snapshot = snapshot(model);
    if (snapshot.isPresent()) {
      return snapshot.get().getFileName().toString();
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Path file : modelFiles(model)) {
        long size = Files.size(file);
        digest.update((file.getFileName() + ":" + size + ":").getBytes(StandardCharsets.UTF_8));
        try (FileChannel channel = FileChannel.open(file)) {
          sample(channel, 0, size, digest);
          sample(channel, Math.max(SAMPLE_BYTES, size - SAMPLE_BYTES), size, digest);
        }
      }
      return HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** The snapshot of the hub's cache that a directory or a file is in; its name is a commit. */
  private static Optional<Path> snapshot(Path model) {
    for (Path path = normal(model); path.getNameCount() > 1; path = path.getParent()) {
      boolean commit = path.getFileName().toString().matches("[0-9a-f]{40}");
      if (commit && path.getParent().endsWith("snapshots")) {
        return Optional.of(path);
      }
    }
    return Optional.empty();
  }

  private static Path normal(Path model) {
    return model.toAbsolutePath().normalize();
  }

  private static List<Path> modelFiles(Path model) throws IOException {
    if (!Files.isDirectory(model)) {
      return GgufParts.files(model);
    }
    try (Stream<Path> files = Files.list(model)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> file.getFileName().toString().matches(".*\\.(json|safetensors|jinja)"))
          .sorted()
          .toList();
    }
  }

  private static void sample(FileChannel channel, long from, long size, MessageDigest digest)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.max(0, Math.min(SAMPLE_BYTES, size - from)));
    while (buffer.hasRemaining() && channel.read(buffer, from + buffer.position()) >= 0) {
      // until the part is whole
    }
    digest.update(buffer.flip());
  }
}
