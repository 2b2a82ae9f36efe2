package org.longform.kernels.model.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.NamePattern;
import org.longform.kernels.weights.StrictJson;

/**
 * {@code adapter_config.json} as Hugging Face's PEFT writes it, of a LoRA. What would change the
 * weights in another way is refused: nothing is left out silently. {@code fan_in_fan_out} has no
 * effect: it is for layers that store the transposed matrix, which no family has, and PEFT takes it
 * back for the others.
 *
 * @param rank r
 * @param alpha of the factor on B A, which is alpha / r
 * @param stabilised whether the factor is alpha / sqrt(r)
 * @param ranks of modules that have one of their own
 * @param alphas of modules that have one of their own
 * @param targets names of the modules it is for; empty if they are told by a pattern, which the
 *     tensors then stand for
 * @param saved names of modules whose tensors it replaces
 */
record AdapterConfig(
    int rank,
    double alpha,
    boolean stabilised,
    Map<NamePattern, Integer> ranks,
    Map<NamePattern, Double> alphas,
    Optional<List<String>> targets,
    List<String> saved) {
  static final String FILE = "adapter_config.json";

  private static final long MAX_BYTES = 1L << 20;
  private static final int MOST_RANK = 1 << 16;

  static AdapterConfig read(Path directory) {
    return new Reader(directory, StrictJson.readObject(directory.resolve(FILE), MAX_BYTES)).read();
  }

  /** The name of the model it was trained for, wherever that was; empty if it has none. */
  static Optional<String> baseOf(Path directory) {
    Object base =
        StrictJson.readObject(directory.resolve(FILE), MAX_BYTES).get("base_model_name_or_path");
    return base instanceof String name && !name.isBlank() ? Optional.of(name) : Optional.empty();
  }

  /** The rank of a module. */
  int rankOf(String module) {
    return first(ranks, module).orElse(rank);
  }

  /** The factor on B A of a module. */
  double scaleOf(String module) {
    int r = rankOf(module);
    return first(alphas, module).orElse(alpha) / (stabilised ? Math.sqrt(r) : r);
  }

  /** The first whose pattern matches decides, as in PEFT. */
  private static <T> Optional<T> first(Map<NamePattern, T> patterns, String module) {
    return patterns.entrySet().stream()
        .filter(entry -> entry.getKey().matches(module))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  /** Checks of one file. */
  private record Reader(Path directory, Map<String, Object> values) {
    AdapterConfig read() {
      if (!"LORA".equals(values.get("peft_type"))) {
        throw unsupported("peft_type", "only LORA can be merged");
      }
      requirePlain();
      Map<NamePattern, Integer> ranks = new LinkedHashMap<>();
      patterns("rank_pattern").forEach((key, value) -> ranks.put(key, rank("rank_pattern", value)));
      Map<NamePattern, Double> alphas = new LinkedHashMap<>();
      patterns("alpha_pattern")
          .forEach((key, value) -> alphas.put(key, alpha("alpha_pattern", value)));
      flag("fan_in_fan_out");
      return new AdapterConfig(
          rank("r", values.get("r")),
          alpha("lora_alpha", values.get("lora_alpha")),
          flag("use_rslora"),
          ranks,
          alphas,
          targets(),
          names("modules_to_save"));
    }

    private void requirePlain() {
      for (String key : List.of("use_dora", "lora_bias", "use_qalora", "use_bdlora")) {
        if (flag(key)) {
          throw unsupported(key, "only W + scale * B A can be merged");
        }
      }
      Object bias = values.get("bias");
      if (bias != null && !bias.equals("none")) {
        throw unsupported("bias", "it changes biases, too");
      }
      for (String key :
          List.of(
              "layer_replication",
              "target_parameters",
              "trainable_token_indices",
              "alora_invocation_tokens",
              "arrow_config",
              "megatron_config")) {
        Object value = values.get(key);
        boolean empty =
            value == null
                || (value instanceof Collection<?> list && list.isEmpty())
                || (value instanceof Map<?, ?> map && map.isEmpty());
        if (!empty) {
          throw unsupported(key, "it changes more than whole matrices by W + scale * B A");
        }
      }
      Object start = values.get("init_lora_weights");
      if (start != null
          && !(start instanceof Boolean)
          && !List.of("gaussian", "eva", "orthogonal").contains(start)) {
        // pissa, olora, corda and loftq train against a base that they changed
        throw unsupported("init_lora_weights", "the base it was trained on is another one");
      }
    }

    private int rank(String key, Object value) {
      if (value instanceof Integer rank && rank >= 1 && rank <= MOST_RANK) {
        return rank;
      }
      throw invalid(key, "a whole number from 1 to " + MOST_RANK);
    }

    private double alpha(String key, Object value) {
      if (value instanceof Number number) {
        double alpha = number.doubleValue();
        if (alpha > 0 && alpha < Double.POSITIVE_INFINITY) {
          return alpha;
        }
      }
      throw invalid(key, "a number above 0");
    }

    private boolean flag(String key) {
      Object value = values.get(key);
      if (value == null || value instanceof Boolean) {
        return Boolean.TRUE.equals(value);
      }
      throw invalid(key, "true or false");
    }

    /** Values by the ends of module names that they are for. */
    private Map<NamePattern, Object> patterns(String key) {
      Object value = values.get(key);
      Map<NamePattern, Object> patterns = new LinkedHashMap<>();
      if (value == null) {
        return patterns;
      }
      if (!(value instanceof Map<?, ?> map)) {
        throw invalid(key, "an object");
      }
      map.forEach(
          (name, each) ->
              patterns.put(
                  NamePattern.of("(.*\\.)?(" + name + ")")
                      .orElseThrow(() -> invalid(key, "names or patterns of modules")),
                  each));
      return patterns;
    }

    private Optional<List<String>> targets() {
      Object value = values.get("target_modules");
      if (value instanceof String) {
        return Optional.empty();
      }
      List<String> names = names("target_modules");
      if (names.isEmpty()) {
        throw invalid("target_modules", "a list of names or a pattern");
      }
      return Optional.of(names);
    }

    /** A list of names; empty if absent. */
    private List<String> names(String key) {
      Object value = values.get(key);
      List<String> names = new ArrayList<>();
      if (value instanceof List<?> list) {
        for (Object item : list) {
          if (!(item instanceof String name) || name.isEmpty()) {
            throw invalid(key, "a list of names");
          }
          names.add(name);
        }
      } else if (value != null) {
        throw invalid(key, "a list of names");
      }
      return names;
    }

    private LongformException invalid(String key, String expected) {
      return refused(
          ErrorClass.INVALID_MODEL,
          "%s has %s = %s, expected %s".formatted(FILE, key, shortened(key), expected));
    }

    private LongformException unsupported(String key, String why) {
      return refused(
          ErrorClass.UNSUPPORTED_MODEL,
          "%s has %s = %s, and %s".formatted(FILE, key, shortened(key), why));
    }

    // the values come from outside: no message grows with them
    private String shortened(String key) {
      String text = String.valueOf(values.get(key));
      return text.length() <= 80 ? text : text.substring(0, 80) + "…";
    }

    private LongformException refused(ErrorClass errorClass, String why) {
      return AdapterConfig.refused(directory, errorClass, why);
    }
  }

  static LongformException refused(Path directory, ErrorClass errorClass, String why) {
    return new LongformException(
        errorClass,
        "Cannot merge adapter '%s': %s. %s"
            .formatted(
                directory,
                why,
                errorClass == ErrorClass.INVALID_MODEL
                    ? "Download or save the adapter again."
                    : "Merge it with the library that made it."));
  }
}
