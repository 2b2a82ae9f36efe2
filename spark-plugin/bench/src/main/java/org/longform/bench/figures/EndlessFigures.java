package org.longform.bench.figures;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.longform.bench.Settings;
import org.longform.bench.engines.Longform;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.datasets.models.BundledModels;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;

/** A document without end: memory and speed stay where they are. */
final class EndlessFigures implements Measurement {
  private static final String MODEL = "longform-tiny";
  private static final int PART = 10_000;
  private static final long SETTLED = 100_000;
  private static final Path STATUS = Path.of("/proc/self/status");

  @Override
  public String name() {
    return "endless";
  }

  @Override
  public String description() {
    return "lm-infinite: resident memory and speed over 10 million tokens, the bundled model";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    long tokens = settings.endlessTokens();
    List<Double> seconds = new ArrayList<>();
    List<Double> resident = new ArrayList<>();
    try (Decoder decoder =
            Decoder.load(
                BundledModels.localDirectory(MODEL), settings.device().open(settings.threads()));
        Session session =
            Longform.session(
                decoder, ContextStrategies.create("lm-infinite", Map.of(), decoder.limits()))) {
      SplittableRandom random = new SplittableRandom(3);
      int vocabulary = decoder.spec().vocabulary();
      int[] part = new int[PART];
      for (long read = 0; read < tokens; read += PART) {
        for (int i = 0; i < PART; i++) {
          part[i] = random.nextInt(vocabulary);
        }
        long begin = System.nanoTime();
        session.feed(part, 0, PART);
        seconds.add((System.nanoTime() - begin) / 1e9);
        if (read + PART >= SETTLED) {
          resident.add(residentMegabytes());
        }
        if (read % (tokens / 10) == 0) {
          run.progress("endless, %d of %d tokens".formatted(read, tokens));
        }
      }
    }
    double first = rate(seconds.subList(0, seconds.size() / 10));
    double last = rate(seconds.subList(seconds.size() - seconds.size() / 10, seconds.size()));
    double start = resident.get(0);
    double change =
        resident.stream().mapToDouble(each -> Math.abs(each - start) / start).max().orElse(0);
    String length = "%.0f million random tokens".formatted(tokens / 1e6);
    report.add(
        Figure.valued(
            "lm-infinite, %s: resident memory".formatted(length),
            "MB",
            start,
            change,
            Target.change(0.05),
            "ours: at 100k tokens; value: the largest change from there on, the whole process with a fixed heap"));
    report.add(
        Figure.valued(
            "lm-infinite, %s: speed".formatted(length),
            "tokens/s",
            last,
            Math.max(0, 1 - last / first),
            Target.change(0.1),
            "ours: the last tenth; value: how much slower it is than the first tenth"));
  }

  private static double rate(List<Double> seconds) {
    return PART * seconds.size() / seconds.stream().mapToDouble(Double::doubleValue).sum();
  }

  private static double residentMegabytes() {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("VmRSS:")) {
          return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot read %s: %s. Measure this figure on Linux.".formatted(STATUS, e.getMessage()), e);
    }
    return Double.NaN;
  }
}
