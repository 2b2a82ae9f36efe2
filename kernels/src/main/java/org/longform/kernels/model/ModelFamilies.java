package org.longform.kernels.model;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.families.LlamaFamily;

/** The list of model families. To add one: one file, one line here. */
public final class ModelFamilies {
  public static final List<ModelFamily> ALL = List.of(new LlamaFamily());

  private ModelFamilies() {}

  /** The names of all families, for messages. */
  public static String names() {
    return ALL.stream().map(ModelFamily::name).collect(Collectors.joining(", "));
  }

  /**
   * The family of a model. The first of its {@code architectures} decides; without one, its {@code
   * model_type}.
   *
   * @throws LongformException UNSUPPORTED_MODEL listing the known families
   */
  public static ModelFamily of(ModelConfig config) {
    List<String> architectures = config.texts("architectures");
    String wanted =
        architectures.isEmpty() ? config.text("model_type").orElse("") : architectures.get(0);
    return ALL.stream()
        .filter(
            family ->
                architectures.isEmpty()
                    ? family.name().equals(wanted)
                    : family.architectures().contains(wanted))
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.UNSUPPORTED_MODEL,
                    "Cannot load model '%s': family '%s' is unknown (known: %s). Convert the model or add a ModelFamily."
                        .formatted(
                            config.place(),
                            wanted.isEmpty()
                                ? "without architectures and model_type"
                                : ModelConfig.shortened(wanted),
                            names())));
  }

  /**
   * The family of a GGUF file.
   *
   * @throws LongformException UNSUPPORTED_MODEL listing the known architectures
   */
  static ModelFamily ofGguf(Path file, String architecture) {
    return ALL.stream()
        .filter(family -> family.gguf().filter(form -> form.is(architecture)).isPresent())
        .findFirst()
        .orElseThrow(
            () ->
                new LongformException(
                    ErrorClass.UNSUPPORTED_MODEL,
                    "Cannot load model '%s': architecture '%s' is unknown (known: %s). Use a model of another kind or add a ModelFamily."
                        .formatted(
                            file,
                            ModelConfig.shortened(architecture),
                            ALL.stream()
                                .flatMap(family -> family.gguf().stream())
                                .map(GgufForm::architecture)
                                .collect(Collectors.joining(", ")))));
  }

  /** The family a spec came from. */
  static ModelFamily named(String name) {
    return ALL.stream().filter(family -> family.name().equals(name)).findFirst().orElseThrow();
  }
}
