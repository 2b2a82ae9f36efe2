package org.longform.options;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.TreeMap;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * An immutable set of typed values. Each value knows who set it; where two sets are joined the
 * stronger source wins (the call, then the Spark configuration, then the model's generation_config
 * .json, then the default). Travels to executors as text.
 */
public final class Options implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String CONF_PREFIX = "spark.longform.";
  private static final Options NONE = new Options(Map.of());

  private record Setting(Object value, OptionSource source) {}

  private final transient Map<Option<?>, Setting> settings;

  private Options(Map<Option<?>, Setting> settings) {
    this.settings = settings;
  }

  /** Nothing is set: every option has its default. */
  public static Options defaults() {
    return NONE;
  }

  /**
   * Reads the options of one call by the application's own code. Keys may be spelled {@code
   * max_new_tokens}, {@code maxNewTokens}, {@code max-new-tokens}, or as an alias.
   *
   * @throws LongformException INVALID_OPTION for an unknown key or a value that does not fit
   */
  public static Options ofCall(Map<String, String> texts) {
    Map<Option<?>, Setting> settings = new LinkedHashMap<>();
    Map<Option<?>, String> keys = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : new TreeMap<>(texts).entrySet()) {
      Option<?> option = OptionNames.ofCall(entry.getKey());
      Setting setting =
          new Setting(option.parse(entry.getKey(), entry.getValue()), OptionSource.CALL);
      String earlier = keys.putIfAbsent(option, entry.getKey());
      if (earlier != null && !setting.equals(settings.get(option))) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '%s': '%s' means the same and has another value (%s, %s). Keep one of the two."
                .formatted(entry.getKey(), earlier, entry.getValue(), texts.get(earlier)));
      }
      settings.put(option, setting);
    }
    return new Options(settings);
  }

  /**
   * Reads what a query says in the option map of a call. Queries are written by any user of the
   * application, so they cannot say where its files are or how much of the machine it takes.
   *
   * @throws LongformException INVALID_OPTION as {@link #ofCall}, and for an option that is not
   *     applicable at {@link Option.Applicable#QUERY}
   */
  public static Options ofQuery(Map<String, String> texts) {
    for (String key : new TreeMap<>(texts).keySet()) {
      Option<?> option = OptionNames.ofCall(key);
      if (option.applicable() != Option.Applicable.QUERY) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use option '%s': it is fixed when the application starts. Set %s in the Spark configuration before."
                .formatted(key, option.confKey()));
      }
    }
    return ofCall(texts);
  }

  /** Reads command line flags; a list option may be given several times, any other once. */
  public static Options ofFlags(Map<String, List<String>> flags) {
    Map<String, String> texts = new LinkedHashMap<>();
    flags.forEach((flag, values) -> texts.put(flag, joined(flag, values)));
    return ofCall(texts);
  }

  private static String joined(String flag, List<String> values) {
    if (values.size() == 1) {
      return values.get(0);
    }
    Option<?> option = OptionNames.ofCall(flag);
    if (option.type().arity() != OptionType.Arity.REPEATED) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s': it is given %d times. Keep one.".formatted(flag, values.size()));
    }
    return OptionType.formatTexts(values);
  }

  /** Reads the keys that begin with {@code spark.longform.}; others are not ours and are left. */
  public static Options ofSparkConf(Map<String, String> conf) {
    Map<Option<?>, Setting> settings = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : new TreeMap<>(conf).entrySet()) {
      if (entry.getKey().startsWith(CONF_PREFIX)) {
        Option<?> option = OptionNames.ofConf(entry.getKey());
        settings.put(
            option,
            new Setting(option.parse(entry.getKey(), entry.getValue()), OptionSource.SPARK_CONF));
      }
    }
    return new Options(settings);
  }

  /** A copy in which the option has this value, checked. */
  public <T> Options with(Option<T> option, T value, OptionSource source) {
    Map<Option<?>, Setting> copy = new LinkedHashMap<>(settings);
    copy.put(option, new Setting(option.checked(option.sqlKey(), value), source));
    return new Options(copy);
  }

  /** A copy in which the option of that SQL key or alias has this value, as set by the call. */
  public Options with(String key, String text) {
    return and(ofCall(Map.of(key, text)));
  }

  /** Both sets joined: the stronger source wins; of equal sources the argument's. */
  public Options and(Options other) {
    Map<Option<?>, Setting> joined = new LinkedHashMap<>(settings);
    other.settings.forEach(
        (option, setting) ->
            joined.merge(
                option,
                setting,
                (mine, theirs) -> theirs.source().compareTo(mine.source()) >= 0 ? theirs : mine));
    return new Options(joined);
  }

  /**
   * The value, or the default.
   *
   * @throws NoSuchElementException for an option that may be absent and is: use {@link #find}
   */
  public <T> T get(Option<T> option) {
    return find(option)
        .orElseThrow(
            () ->
                new NoSuchElementException(
                    "option '" + option + "' has neither value nor default"));
  }

  /** The value, or the default, or empty. */
  public <T> Optional<T> find(Option<T> option) {
    Setting setting = settings.get(option);
    if (setting == null) {
      return option.defaultValue();
    }
    @SuppressWarnings("unchecked") // an entry's value was parsed by its own option
    T value = (T) setting.value();
    return Optional.of(value);
  }

  /** Whether someone set the option, to whatever value. */
  public boolean isSet(Option<?> option) {
    return settings.containsKey(option);
  }

  public OptionSource sourceOf(Option<?> option) {
    Setting setting = settings.get(option);
    return setting == null ? OptionSource.DEFAULT : setting.source();
  }

  /** The value as {@link #ofCall} reads it back; "none" for an absent one. */
  public String textOf(Option<?> option) {
    return text(option);
  }

  private <T> String text(Option<T> option) {
    return find(option).map(option.type().format()).orElse("none");
  }

  /** What was set, by SQL key, sorted: equal sets give equal maps, so it can be hashed. */
  public Map<String, String> toMap() {
    Map<String, String> texts = new TreeMap<>();
    settings.keySet().forEach(option -> texts.put(option.sqlKey(), textOf(option)));
    return Collections.unmodifiableMap(texts);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Options options && settings.equals(options.settings);
  }

  @Override
  public int hashCode() {
    return toMap().hashCode();
  }

  /** What was set and by whom: {@code temperature=0.7 (the call)}. */
  @Override
  public String toString() {
    return String.join(
        ", ",
        settings.keySet().stream()
            .sorted(Comparator.comparing(Option::name))
            .map(option -> option + "=" + textOf(option) + " (" + sourceOf(option) + ")")
            .toList());
  }

  private Object writeReplace() {
    List<Written> written = new ArrayList<>();
    settings.forEach(
        (option, setting) ->
            written.add(new Written(option.sqlKey(), textOf(option), setting.source())));
    return new Form(written);
  }

  private record Written(String key, String text, OptionSource source) implements Serializable {}

  /**
   * Options have identity, which does not survive serialization: names and texts travel instead.
   */
  private record Form(List<Written> written) implements Serializable {
    private Object readResolve() {
      Map<Option<?>, Setting> settings = new LinkedHashMap<>();
      for (Written each : written) {
        Option<?> option = OptionNames.ofCall(each.key());
        settings.put(option, new Setting(option.parse(each.key(), each.text()), each.source()));
      }
      return new Options(settings);
    }
  }
}
