package org.longform.hub;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Names of files that a server tells: they become names on this machine's disk. */
final class FileNames {
  private static final int LONGEST_PART = 200;
  private static final int LONGEST = 1000;

  private FileNames() {}

  /** Whether a name, maybe with directories, stays where it is put and is shown as it is. */
  static boolean isSafe(String name) {
    return !name.isEmpty()
        && name.length() <= LONGEST
        && List.of(name.split("/", -1)).stream().allMatch(FileNames::isSafePart);
  }

  private static boolean isSafePart(String part) {
    return !part.isEmpty()
        && part.length() <= LONGEST_PART
        && !part.equals(".")
        && !part.equals("..")
        && StandardCharsets.UTF_8.newEncoder().canEncode(part)
        && part.chars().noneMatch(c -> Character.isISOControl(c) || "\\:*?\"<>|".indexOf(c) >= 0);
  }
}
