package org.longform.datasets.articles;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A sentence with holes such as {@code {topic}}.
 *
 * @param parts fixed text and names of holes in turn, beginning and ending with text
 */
record Template(List<String> parts) {
  private static final Pattern HOLE = Pattern.compile("\\{(\\w+)}");

  static Template parse(String text) {
    List<String> parts = new ArrayList<>();
    Matcher hole = HOLE.matcher(text);
    int from = 0;
    while (hole.find()) {
      parts.add(text.substring(from, hole.start()));
      parts.add(hole.group(1));
      from = hole.end();
    }
    parts.add(text.substring(from));
    return new Template(List.copyOf(parts));
  }

  boolean hasHoles() {
    return parts.size() > 1;
  }

  String fill(Map<String, String> words) {
    StringBuilder out = new StringBuilder(parts.get(0));
    for (int i = 1; i < parts.size(); i += 2) {
      out.append(words.get(parts.get(i))).append(parts.get(i + 1));
    }
    return out.toString();
  }
}
