package org.longform.kernels.model;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.families.Gemma2Family;
import org.longform.kernels.model.families.Gemma3Family;
import org.longform.kernels.model.families.GemmaFamily;
import org.longform.kernels.model.families.GptJFamily;
import org.longform.kernels.model.families.GraniteFamily;
import org.longform.kernels.model.families.InternLm2Family;
import org.longform.kernels.model.families.LlamaFamily;
import org.longform.kernels.model.families.MistralFamily;
import org.longform.kernels.model.families.MixtralFamily;
import org.longform.kernels.model.families.MptFamily;
import org.longform.kernels.model.families.Olmo2Family;
import org.longform.kernels.model.families.Phi3Family;
import org.longform.kernels.model.families.Qwen2Family;
import org.longform.kernels.model.families.Qwen3Family;
import org.longform.kernels.model.families.Qwen3MoeFamily;
import org.longform.kernels.model.families.SmolLm3Family;

/** The list of model families. To add one: one file, one line here. */
public final class ModelFamilies {
  public static final List<ModelFamily> ALL =
      List.of(
          new LlamaFamily(),
          new MistralFamily(),
          new MixtralFamily(),
          new Qwen2Family(),
          new Qwen3Family(),
          new Qwen3MoeFamily(),
          new Phi3Family(),
          new GemmaFamily(),
          new Gemma2Family(),
          new Gemma3Family(),
          new GraniteFamily(),
          new Olmo2Family(),
          new InternLm2Family(),
          new SmolLm3Family(),
          new GptJFamily(),
          new MptFamily());

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

  /** The family of the text part of a checkpoint that sees, too; empty if it is none. */
  static Optional<ModelFamily> ofMultimodal(String architecture) {
    return ALL.stream()
        .filter(
            family ->
                family
                    .multimodal()
                    .filter(form -> form.architectures().contains(architecture))
                    .isPresent())
        .findFirst();
  }

  /**
   * The family of a GGUF file. Some architectures are one family with experts, another without.
   *
   * @param experts whether it has any
   * @throws LongformException UNSUPPORTED_MODEL listing the known architectures
   */
  static ModelFamily ofGguf(Path file, String architecture, boolean experts) {
    List<ModelFamily> candidates =
        ALL.stream()
            .filter(family -> family.gguf().filter(form -> form.is(architecture)).isPresent())
            .toList();
    return candidates.stream()
        .filter(family -> family.gguf().orElseThrow().names().experts().isPresent() == experts)
        .findFirst()
        .or(() -> candidates.stream().findFirst())
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
                                .distinct()
                                .collect(Collectors.joining(", ")))));
  }

  /** The family a spec came from. */
  static ModelFamily named(String name) {
    return ALL.stream().filter(family -> family.name().equals(name)).findFirst().orElseThrow();
  }
}
