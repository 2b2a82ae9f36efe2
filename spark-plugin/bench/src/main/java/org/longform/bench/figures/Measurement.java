package org.longform.bench.figures;

import org.longform.bench.table.Report;

/** Takes one kind of figures. */
public interface Measurement {
  /** The word for {@code --only}. */
  String name();

  /** One line for {@code --help}. */
  String description();

  void measure(Run run, Report report);
}
