package org.longform.kernels.weights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * The names of the files of a GGUF model: one, or parts that llama.cpp's {@code gguf-split} writes
 * side by side, {@code name-00001-of-00003.gguf} and so on. A model in parts is named by the first.
 */
public final class GgufParts {
  /** More are not looked for. */
  static final int MOST = 1000;

  private static final Pattern NAME = Pattern.compile("(?s)(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

  private GgufParts() {}

  /**
   * The names of all files of a model, in their order.
   *
   * @param first that of its first, perhaps with directories before it; of no other part
   * @return the name alone if it does not say that there are more
   */
  public static List<String> names(String first) {
    Matcher parts = NAME.matcher(first);
    if (!parts.matches() || number(parts, 2) != 1) {
      return List.of(first);
    }
    int count = number(parts, 3);
    if (count < 2 || count > MOST) {
      return List.of(first);
    }
    return IntStream.range(0, count).mapToObj(i -> name(parts.group(1), i, count)).toList();
  }

  /** Whether a name is that of a part, but not of the first. */
  public static boolean isLater(String name) {
    Matcher parts = NAME.matcher(name);
    return parts.matches() && number(parts, 2) != 1;
  }

  /** What {@link #names} says of a file, as far as it is there; the first in any case. */
  public static List<Path> files(Path first) {
    return names(first.getFileName().toString()).stream()
        .map(first::resolveSibling)
        .filter(part -> part.equals(first) || Files.exists(part))
        .toList();
  }

  /**
   * The name of a part beside another one.
   *
   * @param other the name of any part of the model
   * @param index of the part, from 0
   * @return empty text if the other's name is not that of a part of so many
   */
  static String beside(String other, int index, int count) {
    Matcher parts = NAME.matcher(other);
    return parts.matches() && number(parts, 3) == count ? name(parts.group(1), index, count) : "";
  }

  private static String name(String prefix, int index, int count) {
    return "%s-%05d-of-%05d.gguf".formatted(prefix, index + 1, count);
  }

  private static int number(Matcher parts, int group) {
    return Integer.parseInt(parts.group(group));
  }
}
