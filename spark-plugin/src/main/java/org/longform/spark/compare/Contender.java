package org.longform.spark.compare;

import java.io.Serializable;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.longform.feed.ReadingStrategies;
import org.longform.feed.ReadingStrategy;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.ContextOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.options.ReadingOptions;

/**
 * A strategy that takes part in a comparison.
 *
 * @param label as the user wrote it: {@code lm-infinite} or {@code lm-infinite:top-k-middle=5}
 * @param options by SQL key, those for all contenders included
 */
public record Contender(String label, Map<String, String> options) implements Serializable {
  /** Stands for every strategy with its defaults. */
  public static final String ALL = "all";

  public Contender {
    options = Map.copyOf(options);
  }

  /**
   * The contenders that a user named, each once.
   *
   * @param texts the name of a context strategy, or of a reading strategy that reads for a
   *     question, followed by options of its own, of any kind, each as {@code :name=value}
   * @param common options for all; parameters that a strategy does not have are left out for it
   * @throws LongformException INVALID_OPTION
   */
  public static List<Contender> parse(List<String> texts, Options common) {
    Map<String, Contender> contenders = new LinkedHashMap<>();
    for (String text : texts) {
      if (text.strip().equals(ALL)) {
        names().forEach(name -> contenders.put(name, of(name, common)));
      } else {
        Contender contender = of(text.strip(), common);
        contenders.put(contender.label(), contender);
      }
    }
    return List.copyOf(contenders.values());
  }

  private static Contender of(String label, Options common) {
    String[] parts = label.split(":", -1);
    Optional<ReadingStrategy> reading = reading(parts[0]);
    Options options =
        Options.ofCall(
            own(
                common,
                reading.isPresent()
                    ? reading.get().parameters()
                    : ContextStrategies.byName(parts[0]).parameters()));
    for (int i = 1; i < parts.length; i++) {
      int equals = parts[i].indexOf('=');
      if (equals <= 0) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot use contender '%s': '%s' sets no option. Write context:name=value:name=value."
                .formatted(label, parts[i]));
      }
      options = options.with(parts[i].substring(0, equals), parts[i].substring(equals + 1));
    }
    Option<String> choice = reading.isPresent() ? ReadingOptions.READING : ContextOptions.CONTEXT;
    options = options.with(choice.sqlKey(), parts[0]);
    // refuse parameters of other strategies
    ReadingOptions.parametersOf(options);
    ContextOptions.parametersOf(options);
    return new Contender(label, options.toMap());
  }

  private static List<String> names() {
    return Stream.concat(
            ContextStrategies.ALL.stream().map(ContextFactory::name),
            ReadingStrategies.ALL.stream()
                .map(ReadingStrategy::name)
                .filter(name -> reading(name).isPresent()))
        .toList();
  }

  /** The strategy of that name, if it reads for a question: then it is no matter of the context. */
  private static Optional<ReadingStrategy> reading(String name) {
    return ReadingStrategies.ALL.stream()
        .filter(strategy -> strategy.readsForQuestion() && strategy.name().equals(name))
        .findFirst();
  }

  /** Whether this can be measured of it. */
  public boolean has(Measure measure) {
    return measure != Measure.PERPLEXITY
        || !ReadingOptions.strategy(Options.ofCall(options)).readsForQuestion();
  }

  /** Options by SQL key without those that only some strategies have. */
  public static Map<String, String> withoutParameters(Options common) {
    return without(common, allKeys());
  }

  private static Map<String, String> own(Options common, List<Parameter> parameters) {
    Set<String> foreign = allKeys();
    foreign.removeAll(keys(parameters));
    return without(common, foreign);
  }

  private static Map<String, String> without(Options options, Set<String> keys) {
    Map<String, String> rest = new TreeMap<>(options.toMap());
    rest.keySet().removeAll(keys);
    return rest;
  }

  private static Set<String> allKeys() {
    Set<String> keys = new HashSet<>();
    ContextStrategies.ALL.forEach(strategy -> keys.addAll(keys(strategy.parameters())));
    ReadingStrategies.ALL.forEach(strategy -> keys.addAll(keys(strategy.parameters())));
    return keys;
  }

  private static Set<String> keys(List<Parameter> parameters) {
    return parameters.stream()
        .map(parameter -> parameter.name().replace('-', '_'))
        .collect(Collectors.toSet());
  }
}
