package org.longform.options;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Finds options by the names users write, and the nearest names where there is none. */
final class OptionNames {
  private static final int SUGGESTIONS = 3;

  private static final Map<String, Option<?>> BY_CALL_NAME = new LinkedHashMap<>();
  private static final Map<String, Option<?>> BY_CONF_KEY = new TreeMap<>();

  static {
    for (Option<?> option : AllOptions.ALL) {
      for (String name : callNames(option)) {
        BY_CALL_NAME.put(folded(name), option);
      }
      BY_CONF_KEY.put(option.confKey(), option);
    }
  }

  private OptionNames() {}

  /** Every spelling a call may use, before folding. */
  static List<String> callNames(Option<?> option) {
    List<String> names = new ArrayList<>();
    names.add(option.sqlKey());
    names.addAll(option.aliases());
    return names;
  }

  /** {@code maxNewTokens}, {@code max-new-tokens} and {@code MAX_NEW_TOKENS} are one name. */
  static String folded(String name) {
    return name.strip().replace("-", "").replace("_", "").toLowerCase(Locale.ROOT);
  }

  static Option<?> ofCall(String key) {
    Option<?> option = BY_CALL_NAME.get(folded(key.startsWith("--") ? key.substring(2) : key));
    if (option == null) {
      throw unknown(
          key, AllOptions.ALL.stream().flatMap(each -> callNames(each).stream()).toList());
    }
    return option;
  }

  static Option<?> ofConf(String key) {
    Option<?> option = BY_CONF_KEY.get(key);
    if (option == null) {
      throw unknown(key, List.copyOf(BY_CONF_KEY.keySet()));
    }
    return option;
  }

  private static LongformException unknown(String key, List<String> known) {
    List<String> near = nearest(key, known);
    String remedy =
        near.isEmpty()
            ? "Known options are " + String.join(", ", known) + "."
            : "Did you mean " + String.join(" or ", near) + "?";
    return new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use option '" + key + "': no option has this name. " + remedy);
  }

  static List<String> nearest(String key, List<String> known) {
    record Near(String name, int distance) {}
    String wanted = folded(key);
    return known.stream()
        .map(name -> new Near(name, distance(wanted, folded(name))))
        .filter(near -> near.distance() <= Math.max(2, wanted.length() / 4))
        .sorted(Comparator.comparingInt(Near::distance).thenComparing(Near::name))
        .limit(SUGGESTIONS)
        .map(Near::name)
        .toList();
  }

  /** Edit distance: insertions, deletions, replacements. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
