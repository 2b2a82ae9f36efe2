package org.longform.prompt.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;

/** The methods of Python's {@code str}. */
final class TextMethods {
  /** One of them. */
  @FunctionalInterface
  interface Method {
    Object call(String text, Arguments arguments, Rendering rendering);
  }

  static final Map<String, Method> ALL =
      Map.ofEntries(
          Map.entry("strip", (text, given, rendering) -> strip(text, given)),
          Map.entry("lstrip", (text, given, rendering) -> lstrip(text, stripped(given))),
          Map.entry("rstrip", (text, given, rendering) -> rstrip(text, stripped(given))),
          Map.entry("split", TextMethods::split),
          Map.entry("rsplit", TextMethods::rsplit),
          Map.entry("splitlines", (text, given, rendering) -> lines(text)),
          Map.entry("partition", TextMethods::partition),
          Map.entry("rpartition", TextMethods::rpartition),
          Map.entry("upper", (text, given, rendering) -> text.toUpperCase(Locale.ROOT)),
          Map.entry("lower", (text, given, rendering) -> text.toLowerCase(Locale.ROOT)),
          Map.entry("title", (text, given, rendering) -> title(text)),
          Map.entry("capitalize", (text, given, rendering) -> capitalize(text)),
          Map.entry("startswith", (text, given, rendering) -> any(given, text::startsWith)),
          Map.entry("endswith", (text, given, rendering) -> any(given, text::endsWith)),
          Map.entry("find", (text, given, rendering) -> find(text, given, rendering, false)),
          Map.entry("rfind", (text, given, rendering) -> find(text, given, rendering, true)),
          Map.entry("index", TextMethods::index),
          Map.entry("count", TextMethods::count),
          Map.entry("replace", TextMethods::replace),
          Map.entry("join", TextMethods::join),
          Map.entry("removeprefix", (text, given, rendering) -> removePrefix(text, given)),
          Map.entry("removesuffix", (text, given, rendering) -> removeSuffix(text, given)),
          Map.entry("zfill", (text, given, rendering) -> padded(text, given, rendering, "0", 0)),
          Map.entry("ljust", (text, given, rendering) -> padded(text, given, rendering, " ", 1)),
          Map.entry("rjust", (text, given, rendering) -> padded(text, given, rendering, " ", 0)),
          Map.entry("isdigit", (text, given, rendering) -> all(text, Character::isDigit)),
          Map.entry("isalpha", (text, given, rendering) -> all(text, Character::isLetter)),
          Map.entry("isalnum", (text, given, rendering) -> all(text, Character::isLetterOrDigit)),
          Map.entry("isspace", (text, given, rendering) -> all(text, Character::isWhitespace)),
          Map.entry(
              "isupper", (text, given, rendering) -> isCase(text, text.toUpperCase(Locale.ROOT))),
          Map.entry(
              "islower", (text, given, rendering) -> isCase(text, text.toLowerCase(Locale.ROOT))));

  private TextMethods() {}

  /** The characters to strip: the argument's, or white space. */
  private static IntPredicate stripped(Arguments given) {
    Object characters = given.get(0, "chars", null);
    if (characters == null) {
      return Character::isWhitespace;
    }
    Set<Integer> set =
        Values.requireText(characters).codePoints().boxed().collect(Collectors.toSet());
    return set::contains;
  }

  static String strip(String text, Arguments given) {
    IntPredicate characters = stripped(given);
    return lstrip(rstrip(text, characters), characters);
  }

  private static String lstrip(String text, IntPredicate characters) {
    int start = 0;
    while (start < text.length() && characters.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  private static String rstrip(String text, IntPredicate characters) {
    int end = text.length();
    while (end > 0 && characters.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  /** A separator that is not empty, or none for white space. */
  private static Optional<String> separator(String text, Arguments given, Rendering rendering) {
    Object separator = given.get(0, "sep", null);
    if (separator == null) {
      return Optional.empty();
    }
    String part = Values.requireText(separator);
    if (part.isEmpty()) {
      throw new TemplateFailure("it splits at an empty text");
    }
    rendering.search(text, part);
    return Optional.of(part);
  }

  private static Object split(String text, Arguments given, Rendering rendering) {
    Optional<String> separator = separator(text, given, rendering);
    long most = given.integer(1, "maxsplit", -1);
    List<Object> parts = new ArrayList<>();
    int from = 0;
    if (separator.isPresent()) {
      int width = separator.get().length();
      for (int at = text.indexOf(separator.get());
          at >= 0 && (most < 0 || parts.size() < most);
          at = text.indexOf(separator.get(), from)) {
        parts.add(text.substring(from, at));
        rendering.roomForItems(parts.size());
        from = at + width;
      }
      parts.add(text.substring(from));
      return parts;
    }
    String rest = lstrip(text, Character::isWhitespace);
    while (!rest.isEmpty()) {
      rendering.roomForItems(parts.size());
      int end = most >= 0 && parts.size() >= most ? rest.length() : endOfWord(rest);
      parts.add(
          end == rest.length() ? rstrip(rest, Character::isWhitespace) : rest.substring(0, end));
      rest = lstrip(rest.substring(end), Character::isWhitespace);
    }
    return parts;
  }

  private static int endOfWord(String text) {
    int end = 0;
    while (end < text.length() && !Character.isWhitespace(text.charAt(end))) {
      end++;
    }
    return end;
  }

  private static Object rsplit(String text, Arguments given, Rendering rendering) {
    long most = given.integer(1, "maxsplit", -1);
    if (most < 0) {
      return split(text, given, rendering);
    }
    String separator =
        separator(text, given, rendering)
            .orElseThrow(() -> new TemplateFailure("rsplit needs a text to split at"));
    List<Object> parts = new ArrayList<>();
    int end = text.length();
    for (int at = text.lastIndexOf(separator);
        at >= 0 && parts.size() < most;
        at = at == 0 ? -1 : text.lastIndexOf(separator, at - separator.length())) {
      parts.add(0, text.substring(at + separator.length(), end));
      rendering.roomForItems(parts.size());
      end = at;
    }
    parts.add(0, text.substring(0, end));
    return parts;
  }

  private static List<Object> lines(String text) {
    return new ArrayList<>(text.lines().toList());
  }

  private static Object partition(String text, Arguments given, Rendering rendering) {
    String separator = separator(text, given, rendering).orElse(" ");
    int at = text.indexOf(separator);
    return at < 0 ? parts(text, "", "") : cut(text, separator, at);
  }

  private static Object rpartition(String text, Arguments given, Rendering rendering) {
    String separator = separator(text, given, rendering).orElse(" ");
    int at = text.lastIndexOf(separator);
    return at < 0 ? parts("", "", text) : cut(text, separator, at);
  }

  private static Tuple cut(String text, String separator, int at) {
    return parts(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  private static Tuple parts(String before, String separator, String after) {
    return Tuple.of(before, separator, after);
  }

  static String title(String text) {
    StringBuilder titled = new StringBuilder();
    boolean inWord = false;
    for (char c : text.toCharArray()) {
      titled.append(inWord ? Character.toLowerCase(c) : Character.toUpperCase(c));
      inWord = Character.isLetter(c);
    }
    return titled.toString();
  }

  static String capitalize(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toUpperCase(Locale.ROOT)
            + text.substring(1).toLowerCase(Locale.ROOT);
  }

  /** Whether one of the given texts, or the given one, does. */
  private static boolean any(Arguments given, java.util.function.Predicate<String> holds) {
    Object wanted = given.require(0, "text");
    return wanted instanceof List<?> list
        ? list.stream().map(Values::requireText).anyMatch(holds)
        : holds.test(Values.requireText(wanted));
  }

  private static Object find(String text, Arguments given, Rendering rendering, boolean last) {
    String part = given.text(0, "sub");
    rendering.search(text, part);
    int at = last ? text.lastIndexOf(part) : text.indexOf(part);
    return (long) (at < 0 ? at : text.codePointCount(0, at));
  }

  private static Object index(String text, Arguments given, Rendering rendering) {
    Object at = find(text, given, rendering, false);
    if (at.equals(-1L)) {
      throw new TemplateFailure("it asks for the place of what a text does not have");
    }
    return at;
  }

  private static Object count(String text, Arguments given, Rendering rendering) {
    String part = given.text(0, "sub");
    rendering.search(text, part);
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  static Object replace(String text, Arguments given, Rendering rendering) {
    String old = given.text(0, "old");
    String fresh = given.text(1, "new");
    long most = given.integer(2, "count", -1);
    rendering.search(text, old);
    StringBuilder replaced = new StringBuilder();
    int from = 0;
    for (long done = 0; most < 0 || done < most; done++) {
      // an empty text is found before each character and at the end
      int at = old.isEmpty() ? from + (done == 0 ? 0 : 1) : text.indexOf(old, from);
      if (at < 0 || at > text.length()) {
        break;
      }
      replaced.append(text, from, at).append(fresh);
      rendering.room(replaced.length());
      from = at + old.length();
    }
    return replaced.append(text.substring(Math.min(from, text.length()))).toString();
  }

  private static Object join(String separator, Arguments given, Rendering rendering) {
    StringBuilder text = new StringBuilder();
    boolean first = true;
    for (Object each : Values.items(given.require(0, "iterable"))) {
      text.append(first ? "" : separator).append(Values.requireText(each));
      rendering.room(text.length());
      first = false;
    }
    return text.toString();
  }

  private static String removePrefix(String text, Arguments given) {
    String prefix = given.text(0, "prefix");
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  private static String removeSuffix(String text, Arguments given) {
    String suffix = given.text(0, "suffix");
    return !suffix.isEmpty() && text.endsWith(suffix)
        ? text.substring(0, text.length() - suffix.length())
        : text;
  }

  private static String padded(
      String text, Arguments given, Rendering rendering, String usual, int side) {
    long width = given.integer(0, "width", 0);
    rendering.room(width);
    String filling = given.has(1, "fillchar") ? given.text(1, "fillchar") : usual;
    long missing = Math.max(0, width - text.codePointCount(0, text.length()));
    String padding = filling.isEmpty() ? "" : filling.substring(0, 1).repeat((int) missing);
    return side == 0 ? padding + text : text + padding;
  }

  private static boolean all(String text, IntPredicate holds) {
    return !text.isEmpty() && text.codePoints().allMatch(holds);
  }

  private static boolean isCase(String text, String changed) {
    return text.equals(changed) && text.codePoints().anyMatch(Character::isLetter);
  }
}
