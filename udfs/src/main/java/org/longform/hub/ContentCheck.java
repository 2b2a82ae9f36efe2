package org.longform.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Whether bytes are what the hub calls them: 64 digits are the sha256 of the content, 40 the sha1
 * of git's blob, which has the length before the content. Some mirrors give the plain sha1 instead.
 * Other names say nothing of the content.
 */
final class ContentCheck {
  private static final int BUFFER = 1 << 20;

  private final String expected;
  private final List<MessageDigest> digests;

  ContentCheck(HubFile file) {
    this.expected = file.etag();
    if (expected.matches("[0-9a-f]{64}")) {
      digests = List.of(digest("SHA-256"));
    } else if (expected.matches("[0-9a-f]{40}")) {
      MessageDigest git = digest("SHA-1");
      git.update("blob %d\0".formatted(file.bytes()).getBytes(StandardCharsets.US_ASCII));
      digests = List.of(git, digest("SHA-1"));
    } else {
      digests = List.of();
    }
  }

  private static MessageDigest digest(String name) {
    try {
      return MessageDigest.getInstance(name);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has " + name, e);
    }
  }

  /** Whether the name says something of the content. */
  boolean isPossible() {
    return !digests.isEmpty();
  }

  /** The next bytes; the buffer is left as it is. */
  void update(ByteBuffer bytes) {
    digests.forEach(each -> each.update(bytes.duplicate()));
  }

  void update(InputStream in) throws IOException {
    byte[] buffer = new byte[BUFFER];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      ByteBuffer part = ByteBuffer.wrap(buffer, 0, read);
      update(part);
    }
  }

  /** What is wrong with all bytes so far, if anything; to be called once. */
  Optional<String> problem() {
    if (digests.isEmpty()) {
      return Optional.empty();
    }
    List<String> found =
        digests.stream().map(each -> HexFormat.of().formatHex(each.digest())).toList();
    return found.contains(expected)
        ? Optional.empty()
        : Optional.of(
            "its content is not what the hub promised (%s %s instead of %s)"
                .formatted(expected.length() == 64 ? "sha256" : "sha1", found.get(0), expected));
  }
}
