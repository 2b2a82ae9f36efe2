package org.longform.spark.conf;

import java.io.Serializable;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import org.longform.options.Options;

/** The options a pipeline stage can set, each as a Spark ML parameter. */
public final class OptionParams implements Serializable {
  private static final long serialVersionUID = 1L;

  private final LinkedHashMap<String, OptionParam<?>> byKey = new LinkedHashMap<>();

  /**
   * @param uid of the stage that owns the parameters
   */
  public OptionParams(String uid) {
    for (Option<?> option : AllOptions.ALL) {
      // what is read at the start of an application cannot differ between stages
      if (option.applicable() == Option.Applicable.QUERY) {
        byKey.put(option.sqlKey(), new OptionParam<>(uid, option));
      }
    }
  }

  public Collection<OptionParam<?>> all() {
    return byKey.values();
  }

  /** All parameters of a stage: its own and these. */
  public Param<?>[] after(Param<?>... own) {
    Param<?>[] all = new Param<?>[own.length + byKey.size()];
    System.arraycopy(own, 0, all, 0, own.length);
    int next = own.length;
    for (OptionParam<?> param : byKey.values()) {
      all[next++] = param;
    }
    return all;
  }

  /** The parameter of an option. */
  @SuppressWarnings("unchecked") // a parameter has the type of the option it was made from
  public <T> OptionParam<T> of(Option<T> option) {
    OptionParam<?> param = byKey.get(option.sqlKey());
    if (param == null) {
      throw new IllegalArgumentException("option " + option + " is not one of a stage");
    }
    return (OptionParam<T>) param;
  }

  /**
   * Sets a parameter from text.
   *
   * @param key any spelling a SQL option map may use: {@code max_new_tokens}, {@code maxNewTokens},
   *     {@code max_tokens}
   * @throws LongformException INVALID_OPTION for an unknown key or a value that does not fit
   */
  public void set(Params stage, String key, String text) {
    for (Map.Entry<String, String> entry : Options.ofCall(Map.of(key, text)).toMap().entrySet()) {
      OptionParam<?> param = byKey.get(entry.getKey());
      if (param == null) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot set option '%s' on a pipeline stage: it is read when the application starts (%s). Set it in the Spark configuration."
                .formatted(key, text));
      }
      set(stage, param, entry.getValue());
    }
  }

  private static <T> void set(Params stage, OptionParam<T> param, String text) {
    stage.set(param, param.parse(text));
  }

  /** What was set on the stage, as texts by SQL key. */
  public Map<String, String> texts(Params stage) {
    Map<String, String> texts = new TreeMap<>();
    byKey.forEach(
        (key, param) -> {
          if (stage.isSet(param)) {
            texts.put(key, text(stage, param));
          }
        });
    return texts;
  }

  private static <T> String text(Params stage, OptionParam<T> param) {
    return param.format(stage.get(param).get());
  }
}
