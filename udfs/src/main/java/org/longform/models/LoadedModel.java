package org.longform.models;

import org.longform.generate.GenerationConfig;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.model.Decoder;
import org.longform.prompt.PromptFormat;
import org.longform.tokenizer.ModelFiles;
import org.longform.tokenizer.Tokenizer;

/**
 * A model in memory with all that belongs to it. Immutable and shared by all tasks of the process.
 *
 * @param location where it came from
 * @param revision what tells it from other versions
 * @param device name of the device it is on
 */
public record LoadedModel(
    ModelLocation location,
    String revision,
    String device,
    Decoder decoder,
    Tokenizer tokenizer,
    PromptFormat promptFormat,
    GenerationConfig generationConfig)
    implements AutoCloseable {

  static LoadedModel load(ModelLocation location, String device, Kernels kernels) {
    ModelFiles files = ModelFiles.of(location.path());
    Tokenizer tokenizer = Tokenizer.load(files);
    GenerationConfig generation = GenerationConfig.load(files);
    Decoder decoder = Decoder.load(location.open(), kernels);
    return new LoadedModel(
        location,
        ModelRevision.of(location),
        device,
        decoder,
        tokenizer,
        PromptFormat.load(files, tokenizer),
        generation);
  }

  @Override
  public void close() {
    decoder.close();
    tokenizer.close();
  }
}
