package org.longform.kernels.quantise;

import java.util.Locale;
import org.longform.kernels.context.Parameter;

/** Writes the page about the methods from their declarations. */
public final class QuantisationDocs {
  private QuantisationDocs() {}

  /** The whole text of QUANTISATION.md. */
  public static String markdown() {
    StringBuilder page = new StringBuilder();
    page.append("# Quantisation\n\n")
        .append("<!-- Generated from the declarations by QuantisationDocs. Do not edit. -->\n\n")
        .append(
            "`ci/longform quantize --model DIR|FILE.gguf --method METHOD --to OUT` writes a model whose"
                + " layers have weights of few bits, by a method that is chosen for it; `ci/longform"
                + " convert --dtype` rounds to the types of GGUF files alone. Calibrated methods read"
                + " `--calibration`, a text or a `.jsonl` file with a `text` in each line. Embedding and"
                + " output matrix get `--other-dtype`, f16 by default; vectors stay f32.\n\n")
        .append(
            "Levels are stored in the narrowest type of GGUF blocks that holds them and their scales"
                + " exactly, so that the written model is as small in memory as in its file, on every"
                + " device, and other readers of GGUF files can use it:\n\n")
        .append("| Levels | bits 8 | bits 4 | bits 3 |\n| --- | --- | --- | --- |\n");
    for (Grid.Symmetry symmetry : Grid.Symmetry.values()) {
      page.append("| ").append(symmetry.name().toLowerCase(Locale.ROOT));
      for (int bits : new int[] {8, 4, 3}) {
        page.append(" | ")
            .append(new GroupedGrid(new Grid(bits, symmetry), 128).storage(128).dtype());
      }
      page.append(" |\n");
    }
    page.append(
        "\nQ8_0 takes 8.5 bits a weight, Q5_0 5.5, Q4_0 4.5; F16 means that no block holds the levels,"
            + " and the values they stand for are stored, as they are where groups or rows are no whole"
            + " blocks of 32.\n");
    for (QuantisationMethod method : QuantisationMethods.ALL) {
      page.append("\n## ").append(method.name()).append("\n\n");
      page.append(method.description()).append("\n\n");
      page.append("* Cost: ").append(method.cost()).append('\n');
      page.append("* Source: ").append(method.source()).append('\n');
      page.append("* Otherwise than published: ").append(method.notCopied()).append("\n\n");
      page.append("| Flag | Description | Values | Default |\n| --- | --- | --- | --- |\n");
      for (Parameter parameter : method.parameters()) {
        page.append("| `--%s` | %s | %s | %s |\n".formatted(
            parameter.name(), parameter.doc(), values(parameter), parameter.defaultText()));
      }
    }
    return page.toString();
  }

  private static String values(Parameter parameter) {
    return switch (parameter.type()) {
      case CHOICE -> String.join(", ", parameter.choices());
      case INTEGER -> "whole number from " + parameter.minimum();
      case DECIMAL -> "number from " + parameter.minimum();
    };
  }
}
