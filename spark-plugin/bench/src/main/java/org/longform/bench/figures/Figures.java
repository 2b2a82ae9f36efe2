package org.longform.bench.figures;

import java.util.List;

/** The list of measurements, in the order of the table. */
public final class Figures {
  public static final List<Measurement> ALL =
      List.of(
          new RooflineFigures(),
          new MatmulFigures(),
          new ShortFigures(),
          new TogetherFigures(),
          new DepthFigures(),
          new DocumentFigures(),
          new SelectionFigures(),
          new EndlessFigures(),
          new SparkFigures(),
          new ExecutorsFigures(),
          new AgreementFigures());

  private Figures() {}
}
