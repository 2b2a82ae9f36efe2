package org.longform.prompt;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A text with holes for columns: {@code "Read this. {text} What does {author} claim?"}. {@code {{}
 * and {@code }}} stand for single braces. Values are put in as they are: braces in them mean
 * nothing.
 */
public final class PromptTemplate {
  private final String source;
  private final List<Part> parts;

  private record Part(String text, Kind kind) {}

  private enum Kind {
    TEXT,
    HOLE
  }

  /** The filled text before and after the document. */
  public record Filled(String before, String after) {}

  private PromptTemplate(String source, List<Part> parts) {
    this.source = source;
    this.parts = List.copyOf(parts);
  }

  /**
   * @throws LongformException INVALID_OPTION for braces that do not pair
   */
  public static PromptTemplate parse(String source) {
    List<Part> parts = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < source.length(); i++) {
      char c = source.charAt(i);
      boolean doubled = i + 1 < source.length() && source.charAt(i + 1) == c;
      if ((c == '{' || c == '}') && doubled) {
        text.append(c);
        i++;
      } else if (c == '{') {
        int end = source.indexOf('}', i);
        String name = end < 0 ? "" : source.substring(i + 1, end).strip();
        if (name.isEmpty() || name.contains("{")) {
          throw invalid(source, "the brace at character " + i + " opens no hole '{column}'");
        }
        parts.add(new Part(text.toString(), Kind.TEXT));
        parts.add(new Part(name, Kind.HOLE));
        text.setLength(0);
        i = end;
      } else if (c == '}') {
        throw invalid(source, "the brace at character " + i + " closes no hole");
      } else {
        text.append(c);
      }
    }
    parts.add(new Part(text.toString(), Kind.TEXT));
    return new PromptTemplate(source, parts);
  }

  /** The names in the holes, in order of first use. */
  public Set<String> columns() {
    Set<String> names = new LinkedHashSet<>();
    parts.stream().filter(part -> part.kind() == Kind.HOLE).forEach(part -> names.add(part.text()));
    return names;
  }

  /**
   * Checks that the template has one hole for the document and that every other hole is a column.
   *
   * @throws LongformException INVALID_OPTION naming the hole and the columns there are
   */
  public void check(String documentColumn, Set<String> columns) {
    long holes =
        parts.stream()
            .filter(part -> part.kind() == Kind.HOLE && part.text().equals(documentColumn))
            .count();
    if (holes != 1) {
      throw invalid(
          source,
          "it has %d holes '{%s}' for the document and needs one".formatted(holes, documentColumn));
    }
    for (String name : columns()) {
      if (!name.equals(documentColumn) && !columns.contains(name)) {
        throw invalid(
            source,
            "there is no column for its hole '{%s}' (columns: %s)"
                .formatted(name, columns.isEmpty() ? "none" : String.join(", ", columns)));
      }
    }
  }

  /**
   * The texts around the document.
   *
   * @param values by column; the document's is not needed
   * @throws LongformException INVALID_OPTION as {@link #check}
   */
  public Filled fill(String documentColumn, Map<String, String> values) {
    check(documentColumn, values.keySet());
    StringBuilder before = new StringBuilder();
    StringBuilder after = new StringBuilder();
    StringBuilder current = before;
    for (Part part : parts) {
      if (part.kind() == Kind.TEXT) {
        current.append(part.text());
      } else if (part.text().equals(documentColumn)) {
        current = after;
      } else {
        current.append(values.get(part.text()));
      }
    }
    return new Filled(before.toString(), after.toString());
  }

  private static LongformException invalid(String source, String why) {
    String shown = source.length() <= 80 ? source : source.substring(0, 80) + "...";
    return new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use prompt template '%s': %s. Write '{{' and '}}' for braces that are text."
            .formatted(shown, why));
  }
}
