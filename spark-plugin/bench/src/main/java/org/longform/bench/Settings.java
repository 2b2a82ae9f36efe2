package org.longform.bench;

import java.nio.file.Path;
import java.util.List;
import org.longform.bench.engines.Engine;
import org.longform.bench.engines.LlamaPerplexity;
import org.longform.bench.models.ModelShape;
import org.longform.bench.models.RandomModels;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.tensor.DType;

/**
 * What a run measures and how thoroughly.
 *
 * @param shapes models for prefill and decode; the first is the one of the long figures
 * @param types weight types of these; the first is the one of the long figures
 * @param models where their files are
 * @param device ours
 * @param peers to run beside, none without {@code --peer}
 * @param perplexity to compare answers with, or null
 * @param threads of each side
 * @param repetitions of which the median is taken
 * @param quick smaller depths and documents, for a look and for tests of the harness itself
 * @param roofline the program that measures what the machine can do, built by {@code ci/bench};
 *     null where there is no compiler
 */
public record Settings(
    List<ModelShape> shapes,
    List<DType> types,
    RandomModels models,
    DeviceProvider device,
    List<Engine.Opener> peers,
    LlamaPerplexity perplexity,
    int threads,
    int repetitions,
    boolean quick,
    Path roofline) {
  public Settings {
    shapes = List.copyOf(shapes);
    types = List.copyOf(types);
    peers = List.copyOf(peers);
  }

  public ModelShape longShape() {
    return shapes.get(0);
  }

  public DType longType() {
    return types.get(0);
  }

  /** The model of the long figures. */
  public Path longModel() {
    return models.file(longShape(), longType());
  }

  /** Depths of the cache at which decoding is measured. */
  public List<Integer> depths() {
    return quick ? List.of(1024, 2048) : List.of(8192, 32_768);
  }

  /** Tokens of the long document. */
  public int documentTokens() {
    return quick ? 4096 : 32_768;
  }

  /** Tokens of the endless document. */
  public long endlessTokens() {
    return quick ? 1_000_000 : 10_000_000;
  }
}
