package org.longform.spark.conf;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.Serializable;
import org.apache.spark.ml.param.Param;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.options.AllOptions;
import org.longform.options.Option;
import scala.runtime.AbstractFunction1;

/**
 * One option as a Spark ML parameter: same check, same documentation; saved as the text a user
 * would write.
 */
public final class OptionParam<T> extends Param<T> {
  private static final long serialVersionUID = 1L;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String sqlKey;

  // an option has identity, which serialization does not keep: it is found again by its key
  private transient Option<T> option;

  OptionParam(String parent, Option<T> option) {
    super(parent, option.paramName(), doc(option), new Check<>(option.sqlKey()));
    this.sqlKey = option.sqlKey();
    this.option = option;
  }

  private static String doc(Option<?> option) {
    return option.doc() + " Default: " + option.defaultText() + ".";
  }

  /** The option this parameter sets. */
  public Option<T> option() {
    if (option == null) {
      option = optionOf(sqlKey);
    }
    return option;
  }

  /** A value as text that {@link #parse} reads back. */
  public String format(T value) {
    return option().type().format().apply(value);
  }

  /**
   * @throws LongformException INVALID_OPTION if the text does not fit
   */
  public T parse(String text) {
    return option().parse(name(), text);
  }

  @Override
  public String jsonEncode(T value) {
    try {
      return JSON.writeValueAsString(format(value));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a text is always JSON", e);
    }
  }

  @Override
  public T jsonDecode(String json) {
    try {
      return parse(JSON.readValue(json, String.class));
    } catch (JsonProcessingException e) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot load parameter '%s': its saved value is not a text (%s). Save the stage again."
              .formatted(name(), json),
          e);
    }
  }

  @SuppressWarnings("unchecked") // a parameter is made from the option of the same key
  private static <T> Option<T> optionOf(String sqlKey) {
    return (Option<T>)
        AllOptions.ALL.stream()
            .filter(each -> each.sqlKey().equals(sqlKey))
            .findFirst()
            .orElseThrow();
  }

  /** Throws the sentence of the option's own check, which says more than Spark ML's would. */
  private static final class Check<T> extends AbstractFunction1<T, Object> implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String sqlKey;

    Check(String sqlKey) {
      this.sqlKey = sqlKey;
    }

    @Override
    public Object apply(T value) {
      Option<T> option = optionOf(sqlKey);
      option.checked(option.paramName(), value);
      return true;
    }
  }
}
