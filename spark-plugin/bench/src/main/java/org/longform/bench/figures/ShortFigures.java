package org.longform.bench.figures;

import java.util.Map;
import org.longform.bench.Settings;
import org.longform.bench.engines.Engine.Work;
import org.longform.bench.models.ModelShape;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.kernels.tensor.DType;

/** Reading and writing behind an empty cache. */
final class ShortFigures implements Measurement {
  private static final int PREFILL = 512;
  private static final int DECODED = 64;
  private static final Map<DType, Target> PREFILL_TARGETS =
      Map.of(
          DType.Q8_0, Target.ratio(1.3, 2.0),
          DType.Q4_0, Target.ratio(1.2, 1.8),
          DType.F16, Target.ratio(1.0, 1.15));
  private static final Target DECODE_TARGET = Target.ratio(1.0, Double.NaN);
  private static final Target BANDWIDTH_TARGET = Target.share(Double.NaN, 0.9);

  @Override
  public String name() {
    return "short";
  }

  @Override
  public String description() {
    return "prefill at 512 tokens and decode at depth 0, each shape and weight type";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    for (ModelShape shape : settings.shapes()) {
      for (DType type : settings.types()) {
        String model = shape.name() + " " + type;
        Run.Compared prefill =
            run.compare(
                settings.models().file(shape, type),
                Work.prefill(PREFILL),
                settings.repetitions(),
                1);
        report.add(
            Figure.against(
                "prefill %d, %s".formatted(PREFILL, model),
                "tokens/s",
                prefill.ours(),
                prefill.peers(),
                PREFILL_TARGETS.get(type),
                ""));
        Run.Compared decode =
            run.compare(
                settings.models().file(shape, type),
                Work.decode(0, DECODED),
                settings.repetitions(),
                1);
        report.add(
            Figure.against(
                "decode at depth 0, " + model,
                "tokens/s",
                decode.ours(),
                decode.peers(),
                DECODE_TARGET,
                ""));
        double bytes = decode.ours() * shape.decodedBytes(type) / 1e9;
        report.add(
            Figure.valued(
                "  weights read, " + model,
                "GB/s",
                bytes,
                bytes / run.roofline().at(settings.threads()).gbytes(),
                BANDWIDTH_TARGET,
                "share of the measured read bandwidth"));
        prefill.details().forEach(report::fact);
      }
    }
  }
}
