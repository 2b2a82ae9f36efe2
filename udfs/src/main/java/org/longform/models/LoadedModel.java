package org.longform.models;

import org.longform.generate.GenerationConfig;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.model.Decoder;
import org.longform.prompt.PromptFormat;
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

  static LoadedModel load(ModelLocation location, String device, int threads) {
    DeviceProvider provider = Devices.choose(device);
    Tokenizer tokenizer = Tokenizer.load(location.directory());
    GenerationConfig generation = GenerationConfig.load(location.directory());
    Decoder decoder = Decoder.load(location.directory(), provider.open(threads));
    return new LoadedModel(
        location,
        ModelRevision.of(location.directory()),
        provider.name(),
        decoder,
        tokenizer,
        PromptFormat.load(location.directory(), tokenizer),
        generation);
  }

  @Override
  public void close() {
    decoder.close();
    tokenizer.close();
  }
}
