package org.longform.prompt;

import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;

/** The methods of Python's str that chat templates call, under their Python names. */
final class PythonMethods extends ELResolver {
  private static final Map<String, BiFunction<String, Object[], Object>> METHODS =
      Map.ofEntries(
          Map.entry("strip", (text, args) -> lstrip(rstrip(text, args), args)),
          Map.entry("lstrip", PythonMethods::lstrip),
          Map.entry("rstrip", PythonMethods::rstrip),
          Map.entry("split", PythonMethods::split),
          Map.entry("splitlines", (text, args) -> text.lines().toList()),
          Map.entry("upper", (text, args) -> text.toUpperCase(Locale.ROOT)),
          Map.entry("lower", (text, args) -> text.toLowerCase(Locale.ROOT)),
          Map.entry("title", (text, args) -> title(text)),
          Map.entry("capitalize", (text, args) -> capitalize(text)),
          Map.entry("startswith", (text, args) -> text.startsWith(text(args, 0))),
          Map.entry("endswith", (text, args) -> text.endsWith(text(args, 0))),
          Map.entry("find", (text, args) -> (long) text.indexOf(text(args, 0))),
          Map.entry("count", (text, args) -> count(text, text(args, 0))),
          Map.entry("replace", (text, args) -> text.replace(text(args, 0), text(args, 1))),
          Map.entry("join", PythonMethods::join));

  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] args) {
    if (base == null || method == null || !isText(base)) {
      return null;
    }
    BiFunction<String, Object[], Object> found = METHODS.get(method.toString());
    if (found == null) {
      return null;
    }
    context.setPropertyResolved(true);
    return found.apply(base.toString(), args);
  }

  private static boolean isText(Object base) {
    return base instanceof CharSequence;
  }

  private static String text(Object[] args, int i) {
    if (i >= args.length || args[i] == null) {
      throw new TemplateFailure("a text method lacks its argument " + (i + 1));
    }
    return args[i].toString();
  }

  /** The characters to strip: the argument's, or white space. */
  private static Optional<Set<Integer>> stripped(Object[] args) {
    return args.length == 0 || args[0] == null
        ? Optional.empty()
        : Optional.of(args[0].toString().codePoints().boxed().collect(Collectors.toSet()));
  }

  private static boolean strips(Optional<Set<Integer>> characters, int c) {
    return characters.map(set -> set.contains(c)).orElseGet(() -> Character.isWhitespace(c));
  }

  private static String lstrip(String text, Object[] args) {
    Optional<Set<Integer>> characters = stripped(args);
    int start = 0;
    while (start < text.length() && strips(characters, text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  private static String rstrip(String text, Object[] args) {
    Optional<Set<Integer>> characters = stripped(args);
    int end = text.length();
    while (end > 0 && strips(characters, text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  private static Object split(String text, Object[] args) {
    if (args.length == 0 || args[0] == null) {
      String words = text.strip();
      return words.isEmpty() ? List.of() : new ArrayList<>(Arrays.asList(words.split("\\s+")));
    }
    int most = args.length > 1 ? ((Number) args[1]).intValue() : -1;
    String[] parts = text.split(Pattern.quote(text(args, 0)), most < 0 ? -1 : most + 1);
    return new ArrayList<>(Arrays.asList(parts));
  }

  private static String title(String text) {
    StringBuilder titled = new StringBuilder();
    boolean inWord = false;
    for (char c : text.toCharArray()) {
      titled.append(inWord ? Character.toLowerCase(c) : Character.toUpperCase(c));
      inWord = Character.isLetter(c);
    }
    return titled.toString();
  }

  private static String capitalize(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toUpperCase(Locale.ROOT)
            + text.substring(1).toLowerCase(Locale.ROOT);
  }

  private static long count(String text, String part) {
    if (part.isEmpty()) {
      return text.length() + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static String join(String separator, Object[] args) {
    if (args.length == 0 || !(args[0] instanceof Iterable<?> list)) {
      throw new TemplateFailure("join needs a list");
    }
    return StreamSupport.stream(list.spliterator(), false)
        .map(String::valueOf)
        .collect(Collectors.joining(separator));
  }

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {
    // nothing here can be set; the next resolver says so
  }

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    return true;
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return null;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return Collections.emptyIterator();
  }
}
