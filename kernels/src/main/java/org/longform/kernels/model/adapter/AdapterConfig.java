package org.longform.kernels.model.adapter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.StrictJson;

/**
 * {@code adapter_config.json} as Hugging Face's PEFT writes it, of a plain LoRA. What would change
 * the weights in another way is refused: nothing is left out silently.
 *
 * @param rank r
 * @param scale factor on B A: alpha / r, or alpha / sqrt(r) for a rank-stabilised one
 * @param targets names of the modules it is for; empty if they are told by a pattern, which the
 *     tensors then stand for
 */
record AdapterConfig(int rank, double scale, Optional<List<String>> targets) {
  static final String FILE = "adapter_config.json";

  private static final long MAX_BYTES = 1L << 20;
  private static final int MOST_RANK = 1 << 16;

  static AdapterConfig read(Path directory) {
    return new Reader(directory, StrictJson.readObject(directory.resolve(FILE), MAX_BYTES)).read();
  }

  /** Checks of one file. */
  private record Reader(Path directory, Map<String, Object> values) {
    AdapterConfig read() {
      if (!"LORA".equals(values.get("peft_type"))) {
        throw unsupported("peft_type", "only LORA can be merged");
      }
      requirePlain();
      int rank = rank();
      double alpha = alpha();
      boolean stabilised = flag("use_rslora");
      return new AdapterConfig(rank, alpha / (stabilised ? Math.sqrt(rank) : rank), targets());
    }

    private void requirePlain() {
      for (String key : List.of("use_dora", "fan_in_fan_out", "lora_bias", "use_qalora")) {
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
              "rank_pattern",
              "alpha_pattern",
              "modules_to_save",
              "layer_replication",
              "target_parameters",
              "trainable_token_indices",
              "megatron_config")) {
        Object value = values.get(key);
        boolean empty =
            value == null
                || (value instanceof Collection<?> list && list.isEmpty())
                || (value instanceof Map<?, ?> map && map.isEmpty());
        if (!empty) {
          throw unsupported(key, "it changes more than the same low rank everywhere");
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

    private int rank() {
      if (values.get("r") instanceof Integer rank && rank >= 1 && rank <= MOST_RANK) {
        return rank;
      }
      throw invalid("r", "a whole number from 1 to " + MOST_RANK);
    }

    private double alpha() {
      if (values.get("lora_alpha") instanceof Number number) {
        double alpha = number.doubleValue();
        if (alpha > 0 && alpha < Double.POSITIVE_INFINITY) {
          return alpha;
        }
      }
      throw invalid("lora_alpha", "a number above 0");
    }

    private boolean flag(String key) {
      Object value = values.get(key);
      if (value == null || value instanceof Boolean) {
        return Boolean.TRUE.equals(value);
      }
      throw invalid(key, "true or false");
    }

    private Optional<List<String>> targets() {
      Object value = values.get("target_modules");
      if (value instanceof String) {
        return Optional.empty();
      }
      if (value instanceof List<?> list && !list.isEmpty()) {
        List<String> names = new ArrayList<>();
        for (Object item : list) {
          if (!(item instanceof String name)) {
            throw invalid("target_modules", "a list of names");
          }
          names.add(name);
        }
        return Optional.of(names);
      }
      throw invalid("target_modules", "a list of names or a pattern");
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
