package org.longform.bench.figures;

import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;

/** What the machine can do: the measure for the figures below it. */
final class RooflineFigures implements Measurement {
  @Override
  public String name() {
    return "roofline";
  }

  @Override
  public String description() {
    return "float32 and int8 peak, memory bandwidth";
  }

  @Override
  public void measure(Run run, Report report) {
    Roofline roofline = run.roofline();
    for (Roofline.Row row : roofline.rows()) {
      String threads = row.threads() + (row.threads() == 1 ? " thread" : " threads");
      report.add(
          Figure.plain(
              "float32 peak, " + threads, "GFLOP/s", row.gflops(), roofline.floatInstructions()));
      report.add(
          Figure.plain("int8 peak, " + threads, "GOP/s", row.gops(), roofline.int8Instructions()));
      report.add(Figure.plain("read from memory, " + threads, "GB/s", row.gbytes(), ""));
    }
  }
}
