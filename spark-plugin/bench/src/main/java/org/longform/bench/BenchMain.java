package org.longform.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.longform.bench.engines.Engine;
import org.longform.bench.engines.LlamaBench;
import org.longform.bench.engines.LlamaBinding;
import org.longform.bench.engines.LlamaPerplexity;
import org.longform.bench.engines.Longform;
import org.longform.bench.engines.ProfilingKernels;
import org.longform.bench.figures.Figures;
import org.longform.bench.figures.Measurement;
import org.longform.bench.figures.Run;
import org.longform.bench.models.ModelShape;
import org.longform.bench.models.RandomModels;
import org.longform.bench.table.Report;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command line of the harness; {@code ci/bench} builds and starts it. */
@Command(
    name = "ci/bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    usageHelpWidth = 110,
    description = "Measures Longform on this machine and prints one table.",
    footer = {
      "%nci/bench jmh [pattern] [JMH options] runs the benchmarks of single operations.",
      "Writes bench.md and bench.json to the folder of --out.",
      "The environment variable LLAMA_BENCH names llama.cpp's llama-bench for --peer; where llama-perplexity lies",
      "beside it, answers are compared too."
    })
public final class BenchMain implements Callable<Integer> {
  /** What may follow {@code --only}. */
  static final class FigureNames implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Figures.ALL.stream().map(Measurement::name).iterator();
    }
  }

  @Option(names = "--peer", description = "Run llama.cpp in turns with ours and print ratios.")
  private boolean peer;

  @Option(names = "--no-binding", description = "With --peer: only the binary of LLAMA_BENCH.")
  private boolean noBinding;

  @Option(names = "--quick", description = "Smaller depths and documents: minutes, not hours.")
  private boolean quick;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "FIGURES",
      completionCandidates = FigureNames.class,
      description = "Only these: ${COMPLETION-CANDIDATES}.")
  private List<String> only = List.of();

  @Option(
      names = "--shape",
      split = ",",
      description =
          "Models: tiny, 0.25B, 0.5B, 1B, 8B (default: ${DEFAULT-VALUE}); the first for long figures.")
  private List<String> shapes = List.of("0.5B", "1B");

  @Option(
      names = "--type",
      split = ",",
      description = "Weight types: Q8_0, Q4_0, F16 (default: ${DEFAULT-VALUE}); likewise.")
  private List<DType> types = RandomModels.TYPES;

  @Option(names = "--device", description = "Ours (default: ${DEFAULT-VALUE}).")
  private String device = Devices.AUTO;

  @Option(names = "--threads", description = "Of each side (default: all cores).")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--repetitions", description = "Of which the median is taken (default: 5).")
  private int repetitions = 5;

  @Option(
      names = "--profile",
      description = "No table: the time of each operation in prefill, decode and decode at depth.")
  private boolean profile;

  @Option(
      names = "--models",
      description = "Folder of the model files (default: ${DEFAULT-VALUE}).")
  private Path models = folder("models");

  @Option(names = "--out", description = "Folder of the results (default: ${DEFAULT-VALUE}).")
  private Path out = folder("results");

  @Option(names = "--delete-models", description = "Delete the model files and end.")
  private boolean deleteModels;

  @Option(names = "--roofline", hidden = true)
  private Path roofline;

  private static Path folder(String name) {
    return Path.of(System.getProperty("longform.bench.target", "target")).resolve(name);
  }

  public static void main(String[] arguments) {
    CommandLine commands = new CommandLine(new BenchMain());
    commands.setExecutionExceptionHandler(new FailureSentences());
    commands.setParameterExceptionHandler(
        (failure, given) -> {
          failure
              .getCommandLine()
              .getErr()
              .printf(
                  "Cannot run ci/bench: %s. ci/bench --help lists the options.%n",
                  failure.getMessage().strip().replaceAll("\\.$", ""));
          return 2;
        });
    // Spark and the binding leave threads behind
    System.exit(commands.execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    Settings settings = settings();
    if (deleteModels) {
      settings.models().delete();
      return 0;
    }
    if (profile) {
      profile(settings);
      return 0;
    }
    Report report = new Report();
    facts(settings, report);
    Run run = new Run(settings, BenchMain::progress);
    for (Measurement measurement : chosen()) {
      progress(measurement.name() + ": " + measurement.description());
      measurement.measure(run, report);
      // what was measured stays if a later figure fails or is stopped
      report.write(out);
    }
    System.out.println(report.text());
    System.out.println("Written to " + out.resolve("bench.md") + " and bench.json.");
    return 0;
  }

  private Settings settings() {
    DeviceProvider provider = Devices.choose(device);
    return new Settings(
        shapes.stream().map(ModelShape::byName).toList(),
        types,
        new RandomModels(models),
        provider,
        peer ? peers() : List.of(),
        peer ? llamaBench().flatMap(LlamaPerplexity::beside).orElse(null) : null,
        threads,
        quick ? Math.min(3, repetitions) : repetitions,
        quick,
        roofline);
  }

  private List<Engine.Opener> peers() {
    List<Engine.Opener> peers = new ArrayList<>();
    if (!noBinding) {
      peers.add(LlamaBinding.opener());
    }
    for (boolean flashAttention : new boolean[] {false, true}) {
      llamaBench().ifPresent(program -> peers.add(LlamaBench.opener(program, flashAttention)));
    }
    return peers;
  }

  private static Optional<Path> llamaBench() {
    return Optional.ofNullable(System.getenv("LLAMA_BENCH"))
        .filter(program -> !program.isBlank())
        .map(Path::of);
  }

  private List<Measurement> chosen() {
    for (String word : only) {
      if (Figures.ALL.stream().noneMatch(each -> each.name().equals(word))) {
        throw new LongformException(
            ErrorClass.INVALID_OPTION,
            "Cannot measure '%s': it is unknown (known: %s)."
                .formatted(word, Figures.ALL.stream().map(Measurement::name).toList()));
      }
    }
    return Figures.ALL.stream()
        .filter(each -> only.isEmpty() || only.contains(each.name()))
        .toList();
  }

  private static void facts(Settings settings, Report report) throws IOException {
    report.fact(
        "%s, %d threads, %s, Java %s, %s"
            .formatted(
                cpuModel(),
                settings.threads(),
                System.getProperty("os.arch"),
                System.getProperty("java.version"),
                Instant.now().truncatedTo(ChronoUnit.MINUTES)));
    report.fact(
        "device %s%s"
            .formatted(
                settings.device().name(),
                settings.device().detail().map(detail -> ", " + detail).orElse("")));
    report.fact(
        "medians of %d, ours and the peer's in turns; random-weight models of %s, long figures with %s %s"
            .formatted(
                settings.repetitions(),
                settings.shapes().stream().map(ModelShape::name).toList(),
                settings.longShape().name(),
                settings.longType()));
  }

  private static String cpuModel() throws IOException {
    Path file = Path.of("/proc/cpuinfo");
    if (!Files.exists(file)) {
      return System.getProperty("os.name");
    }
    return Files.readAllLines(file).stream()
        .filter(line -> line.startsWith("model name"))
        .findFirst()
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .orElse("unknown processor");
  }

  /** Where the time of a forward pass goes. */
  private static void profile(Settings settings) {
    ProfilingKernels watched = new ProfilingKernels();
    int depth = settings.depths().get(0);
    try (Longform longform =
        Longform.open(
            settings.longModel(), settings.device(), settings.threads(), watched::watch)) {
      for (Engine.Work work :
          List.of(
              Engine.Work.prefill(512), Engine.Work.decode(0, 64), Engine.Work.decode(depth, 32))) {
        longform.tokensPerSecond(Engine.Work.prefill(64), 1);
        double rate = longform.tokensPerSecond(work, 1, watched::restart)[0];
        System.out.printf(
            Locale.ROOT,
            "%s %s, %s: %.1f tokens/s%n%s%n",
            settings.longShape().name(),
            settings.longType(),
            Run.describe(work),
            rate,
            watched.table());
      }
    }
  }

  private static void progress(String message) {
    System.err.println("  " + message);
  }
}
