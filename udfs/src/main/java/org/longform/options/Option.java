package org.longform.options;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.method.MethodParameter;

/**
 * One option, declared once. The name is in kebab case ({@code max-new-tokens}); the other
 * spellings follow from it.
 */
public final class Option<T> implements MethodParameter {
  private final String name;
  private final OptionType<T> type;
  private final String doc;
  private final List<String> aliases;
  private final List<Check<T>> checks;
  private final Applicable applicable;
  private final String confKey;
  private final T defaultValue;
  private final String defaultText;

  /** When a change of the option takes effect. */
  public enum Applicable {
    /** Set by who starts the Spark application, in its configuration alone. */
    APPLICATION("application"),
    /** Set by who starts the Spark application: in its configuration or with flags of a command. */
    STARTUP("startup"),
    /** Read for every query: sessions and calls may set it. */
    QUERY("query");

    private final String text;

    Applicable(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  private record Check<T>(Predicate<T> predicate, String demand) {}

  private Option(Builder<T> builder, T defaultValue) {
    this.name = builder.name;
    this.type = builder.type;
    this.doc = builder.doc;
    this.aliases = List.copyOf(builder.aliases);
    this.checks = List.copyOf(builder.checks);
    this.applicable = builder.applicable;
    this.confKey = builder.confKey == null ? "spark.longform." + camelCase(name) : builder.confKey;
    this.defaultValue = defaultValue;
    this.defaultText =
        builder.defaultText == null
            ? (defaultValue == null ? "none" : type.format().apply(defaultValue))
            : builder.defaultText;
  }

  public static Builder<Integer> integer(String name) {
    return new Builder<>(name, OptionType.INTEGER);
  }

  public static Builder<Long> wholeNumber(String name) {
    return new Builder<>(name, OptionType.LONG);
  }

  public static Builder<Double> decimal(String name) {
    return new Builder<>(name, OptionType.DOUBLE);
  }

  public static Builder<Boolean> flag(String name) {
    return new Builder<>(name, OptionType.BOOLEAN);
  }

  public static Builder<Long> bytes(String name) {
    return new Builder<>(name, OptionType.BYTES);
  }

  public static Builder<Duration> duration(String name) {
    return new Builder<>(name, OptionType.DURATION);
  }

  public static Builder<String> text(String name) {
    return new Builder<>(name, OptionType.TEXT);
  }

  public static Builder<List<String>> texts(String name) {
    return new Builder<>(name, OptionType.TEXTS);
  }

  public static Builder<String> choice(String name, List<String> choices) {
    return new Builder<>(name, OptionType.choice(choices));
  }

  /** The name in kebab case, as declared. */
  @Override
  public String name() {
    return name;
  }

  /** The key of the SQL option map: {@code max_new_tokens}. */
  public String sqlKey() {
    return name.replace('-', '_');
  }

  /** The key in the Spark configuration: {@code spark.longform.maxNewTokens}. */
  public String confKey() {
    return confKey;
  }

  /** The flag of the command line: {@code --max-new-tokens}. */
  public String flag() {
    return "--" + name;
  }

  /** The name of the Spark ML parameter: {@code maxNewTokens}. */
  public String paramName() {
    return camelCase(name);
  }

  /** Further SQL keys that mean the same, as other products spell them. */
  public List<String> aliases() {
    return aliases;
  }

  @Override
  public String doc() {
    return doc;
  }

  /** What a value must be, with every check: "a whole number that must be positive". */
  @Override
  public String expectation() {
    StringBuilder text = new StringBuilder(type.expected());
    String glue = " that ";
    for (Check<T> check : checks) {
      text.append(glue).append(check.demand);
      glue = " and ";
    }
    return text.toString();
  }

  public OptionType<T> type() {
    return type;
  }

  public Applicable applicable() {
    return applicable;
  }

  /** Empty for an option that may be absent. */
  public Optional<T> defaultValue() {
    return Optional.ofNullable(defaultValue);
  }

  /** The default as people read it on the configuration page. */
  @Override
  public String defaultText() {
    return defaultText;
  }

  /**
   * Reads and checks a value.
   *
   * @param key the spelling the user wrote, for the error sentence
   * @throws LongformException INVALID_OPTION with the key, the text and what was expected
   */
  public T parse(String key, String text) {
    if (text == null) {
      throw invalid(key, "it has no value (null)", "Give " + type.expected() + ".");
    }
    T value;
    try {
      value = type.parse().apply(text);
    } catch (IllegalArgumentException e) {
      throw invalid(
          key,
          "its value is not " + type.expected() + " ('" + text + "')",
          "Give " + type.expected() + ".");
    }
    return checked(key, value);
  }

  /** Returns the value if it passes every check, else throws INVALID_OPTION. */
  public T checked(String key, T value) {
    for (Check<T> check : checks) {
      if (!check.predicate.test(value)) {
        throw invalid(
            key,
            "it " + check.demand + " (" + type.format().apply(value) + ")",
            "Change it or leave it out (default: " + defaultText + ").");
      }
    }
    return value;
  }

  private static LongformException invalid(String key, String why, String remedy) {
    return new LongformException(
        ErrorClass.INVALID_OPTION, "Cannot use option '" + key + "': " + why + ". " + remedy);
  }

  @Override
  public String toString() {
    return name;
  }

  private static String camelCase(String kebab) {
    StringBuilder camel = new StringBuilder();
    for (String word : kebab.split("-")) {
      camel.append(
          camel.isEmpty()
              ? word
              : word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1));
    }
    return camel.toString();
  }

  /** Collects a declaration; {@link #defaultValue} or {@link #optional} ends it. */
  public static final class Builder<T> {
    private final String name;
    private final OptionType<T> type;
    private final List<String> aliases = new ArrayList<>();
    private final List<Check<T>> checks = new ArrayList<>();
    private String doc = "";
    private String confKey;
    private String defaultText;
    private Applicable applicable = Applicable.QUERY;

    private Builder(String name, OptionType<T> type) {
      this.name = name;
      this.type = type;
    }

    public Builder<T> doc(String text) {
      this.doc = text;
      return this;
    }

    /**
     * @param demand completes the sentence "it ...": "must be positive"
     */
    public Builder<T> check(Predicate<T> predicate, String demand) {
      checks.add(new Check<>(predicate, demand));
      return this;
    }

    public Builder<T> alias(String... sqlKeys) {
      aliases.addAll(List.of(sqlKeys));
      return this;
    }

    /** Overrides the derived Spark configuration key. */
    public Builder<T> confKey(String key) {
      this.confKey = key;
      return this;
    }

    public Builder<T> applicable(Applicable when) {
      this.applicable = when;
      return this;
    }

    /** What the configuration page says where the default follows from something else. */
    public Builder<T> defaultText(String text) {
      this.defaultText = text;
      return this;
    }

    public Option<T> defaultValue(T value) {
      return new Option<>(this, value);
    }

    /** The option may be absent: it has no default value. */
    public Option<T> optional() {
      return new Option<>(this, null);
    }
  }
}
