package org.longform.kernels.quantise;

import java.util.List;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The list of quantisation methods. To add one: one file, one line here. */
public final class QuantisationMethods {
  public static final List<QuantisationMethod> ALL =
      List.of(new RoundToNearest(), new Gptq(), new Awq(), new SmoothQuant(), new Nf4());

  private QuantisationMethods() {}

  /** The names of all methods, for messages. */
  public static String names() {
    return ALL.stream().map(QuantisationMethod::name).collect(Collectors.joining(", "));
  }

  /**
   * @throws LongformException INVALID_OPTION listing the known names
   */
  public static QuantisationMethod byName(String name) {
    return ALL.stream()
        .filter(method -> method.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.INVALID_OPTION,
                    "Cannot use method '%s': it is unknown (known: %s).".formatted(name, names())));
  }
}
