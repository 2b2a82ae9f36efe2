package org.longform.models;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.longform.models.ModelStore.StoredFile;

/** The files of a model in a local directory, with a list of what they must be. */
final class LocalCopy {
  /** What a source may have beside a model, as {@code sha256sum} writes it. */
  static final String CHECKSUMS = "SHA256SUMS";

  private static final String LIST = "files.list";

  private LocalCopy() {}

  /**
   * Copies files into an empty directory. What was written is read again, so a damaged disk is
   * noticed here.
   *
   * @throws IOException if a file ends early or does not have the checksum it must have
   */
  static void write(ModelStore store, List<StoredFile> files, Path directory) throws IOException {
    Map<String, String> expected = new HashMap<>();
    List<String> list = new ArrayList<>();
    for (StoredFile file : checksumsFirst(files)) {
      Path target = directory.resolve(file.name());
      String sha256 = copy(store, file, target);
      require(file, "the disk returns other bytes than were written", sha256, hash(target));
      if (file.name().equals(CHECKSUMS)) {
        expected = read(target);
      }
      require(
          file,
          "its checksum is not the one in " + CHECKSUMS,
          expected.getOrDefault(file.name(), sha256),
          sha256);
      list.add("%s %d %d %s".formatted(sha256, file.bytes(), modified(target), file.name()));
    }
    Files.write(directory.resolve(LIST), list, StandardCharsets.UTF_8);
  }

  /** Whether all files are here as they were written; content is read only if the time differs. */
  static boolean isWhole(Path directory) throws IOException {
    Path list = directory.resolve(LIST);
    if (!Files.exists(list)) {
      return false;
    }
    for (String line : Files.readAllLines(list, StandardCharsets.UTF_8)) {
      String[] parts = line.split(" ", 4);
      Path file = directory.resolve(parts[3]);
      boolean whole =
          Files.isRegularFile(file)
              && Files.size(file) == Long.parseLong(parts[1])
              && (modified(file) == Long.parseLong(parts[2]) || hash(file).equals(parts[0]));
      if (!whole) {
        return false;
      }
    }
    return true;
  }

  private static List<StoredFile> checksumsFirst(List<StoredFile> files) {
    List<StoredFile> sorted = new ArrayList<>(files);
    sorted.sort(java.util.Comparator.comparing(file -> !file.name().equals(CHECKSUMS)));
    return sorted;
  }

  private static String copy(ModelStore store, StoredFile file, Path target) throws IOException {
    MessageDigest digest = sha256();
    long bytes;
    try (InputStream in = new DigestInputStream(store.open(file), digest);
        FileChannel channel =
            FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      bytes = in.transferTo(Channels.newOutputStream(channel));
      channel.force(true);
    }
    if (bytes != file.bytes()) {
      throw new IOException(
          "file %s ended after %,d of %,d bytes".formatted(file.name(), bytes, file.bytes()));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void require(StoredFile file, String problem, String expected, String found)
      throws IOException {
    if (!expected.equals(found)) {
      throw new IOException(
          "file %s: %s: sha256 %s instead of %s".formatted(file.name(), problem, found, expected));
    }
  }

  private static Map<String, String> read(Path checksums) throws IOException {
    Map<String, String> byName = new HashMap<>();
    for (String line : Files.readAllLines(checksums, StandardCharsets.UTF_8)) {
      String[] parts = line.strip().split("\\s+\\*?", 2);
      if (parts.length == 2) {
        byName.put(parts[1].replaceFirst("^\\./", ""), parts[0].toLowerCase(java.util.Locale.ROOT));
      }
    }
    return byName;
  }

  private static long modified(Path file) throws IOException {
    return Files.getLastModifiedTime(file).toMillis();
  }

  private static String hash(Path file) throws IOException {
    MessageDigest digest = sha256();
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
