package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.longform.kernels.model.adapter.LoraAdapter;
import org.longform.models.ModelChange;
import org.longform.runtime.LongformRuntime;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model with a LoRA adapter in its weights. */
final class MergeLoraCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "<path>",
      order = -21,
      description =
          "The model the adapter was trained for: a Hugging Face directory, or the name of a model"
              + " of the hub (org/name) or of a bundled one.")
  private String model;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "<dir>",
      order = -20,
      description =
          "The adapter: a directory with adapter_config.json and adapter_model.safetensors, as"
              + " Hugging Face's PEFT saves a LoRA.")
  private Path adapter;

  @Mixin private ChangedModelArguments written;

  MergeLoraCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    ModelChange.run(
            written.request(LongformRuntime.find(model)),
            stored -> LoraAdapter.merge(stored, adapter))
        .ifPresent(note -> context.err().println("Note: " + note + "."));
    context
        .out()
        .printf(
            Locale.ROOT,
            "Merged %s into %s, %,d bytes: %s%n",
            adapter,
            model,
            written.bytes(),
            written.target());
    return 0;
  }
}
