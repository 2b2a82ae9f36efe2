package org.longform.bench.card;

import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.longform.bench.FailureSentences;
import org.longform.bench.engines.Longform;
import org.longform.bench.models.ModelShape;
import org.longform.bench.models.RandomModels;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.tensor.DType;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of {@link LongDocument}; {@code ci/gpu} starts it. */
@Command(
    name = "LongDocumentMain",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Measures one long document with a model of random weights.")
public final class LongDocumentMain implements Callable<Integer> {
  @Option(names = "--device", description = "Device (default: ${DEFAULT-VALUE}).")
  private String device = "cuda";

  @Option(
      names = "--shape",
      description = "Model: tiny, 0.25B, 0.5B, 1B, 8B (default: ${DEFAULT-VALUE}).")
  private String shape = "8B";

  @Option(
      names = "--type",
      description = "Of its weights: Q8_0, Q4_0, F16 (default: ${DEFAULT-VALUE}).")
  private DType type = DType.Q8_0;

  @Option(names = "--tokens", description = "Of the document (default: ${DEFAULT-VALUE}).")
  private int tokens = 1_000_000;

  @Option(
      names = "--sample",
      description = "Tokens read at each depth (default: ${DEFAULT-VALUE}).")
  private int sample = 2048;

  @Option(
      names = "--decode",
      description = "Tokens written at each depth (default: ${DEFAULT-VALUE}).")
  private int decode = 64;

  @Option(names = "--whole", description = "Read all of the document by reattention.")
  private boolean whole;

  @Option(
      names = "--seconds",
      description = "After which the document grows no more (default: none).")
  private double seconds = Double.POSITIVE_INFINITY;

  @Option(
      names = "--models",
      description = "Folder of the model files (default: ${DEFAULT-VALUE}).")
  private Path models = Path.of(System.getProperty("java.io.tmpdir"));

  public static void main(String[] arguments) {
    CommandLine commands = new CommandLine(new LongDocumentMain());
    commands.setExecutionExceptionHandler(new FailureSentences());
    System.exit(commands.execute(arguments));
  }

  @Override
  public Integer call() {
    // before the first look at the devices, which opens the card
    OptionalLong usedBefore = device.equals("cuda") ? CardUse.bytes() : OptionalLong.empty();
    DeviceProvider provider = Devices.choose(device);
    int threads = Runtime.getRuntime().availableProcessors();
    ModelShape model = ModelShape.byName(shape);
    double begin = System.nanoTime() / 1e9;
    Path file = new RandomModels(models).file(model, type);
    double made = System.nanoTime() / 1e9;
    try (Longform longform = Longform.open(file, provider, threads)) {
      System.out.printf(
          Locale.ROOT,
          "%s %s of random weights, pages of F16, %s; file made in %.1f s, opened in %.1f s%n%n",
          shape,
          type,
          longform.detail(),
          made - begin,
          System.nanoTime() / 1e9 - made);
      new LongDocument(
              longform,
              new ModelWork(model, type, KvDType.F16),
              new LongDocument.Extent(tokens, sample, decode, whole, seconds),
              usedBefore,
              System.out::println)
          .measure();
    }
    return 0;
  }
}
