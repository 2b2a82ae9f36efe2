package org.longform.spark.job;

import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.longform.models.ConversionRequest;
import org.longform.models.ModelConversion;
import org.longform.runtime.LongformRuntime;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model as a GGUF file or a directory with safetensors, in another type of numbers. */
final class ConvertCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "<path>",
      order = -20,
      description =
          "The model: a Hugging Face directory, a .gguf file, or the name of one of the hub"
              + " (org/name) or of a bundled one.")
  private String model;

  @Mixin private TargetArguments written;

  @Option(
      names = "--dtype",
      defaultValue = "f32",
      paramLabel = "<type>",
      order = -18,
      description =
          "Type of the matrices: f32, f16, bf16, and for .gguf q8_0, q6_k, q5_k, q5_0, q4_k, q4_0."
              + " Vectors stay f32. With 4 or 5 bits the matrix that makes the logits is q6_k; rows"
              + " that are no whole blocks get the next wider type. Default: f32.")
  private String dtype;

  ConvertCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    ModelConversion.run(
            new ConversionRequest(
                LongformRuntime.find(model),
                written.target(),
                WeightTypes.named("--dtype", dtype),
                written.ifExists()))
        .ifPresent(note -> context.err().println("Note: " + note + "."));
    context
        .out()
        .printf(
            Locale.ROOT,
            "Wrote %s as %s, %,d bytes: %s%n",
            model,
            dtype,
            written.bytes(),
            written.target());
    return 0;
  }
}
