package org.longform.bench.table;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A line of the table.
 *
 * @param name what was measured
 * @param unit of ours and the peers' values
 * @param ours NaN if not measured
 * @param peers values of the peers, best setting or not, by name
 * @param value what the target is about, NaN if it could not be computed
 * @param target null for none
 * @param note what a reader has to know to read it right
 */
public record Figure(
    String name,
    String unit,
    double ours,
    Map<String, Double> peers,
    double value,
    Target target,
    String note) {
  public Figure {
    peers = new LinkedHashMap<>(peers);
  }

  /** A figure without a target. */
  public static Figure plain(String name, String unit, double ours, String note) {
    return new Figure(name, unit, ours, Map.of(), Double.NaN, null, note);
  }

  /** More is better: the value is ours over the best peer's. */
  public static Figure against(
      String name,
      String unit,
      double ours,
      Map<String, Double> peers,
      Target target,
      String note) {
    double best = peers.values().stream().mapToDouble(Double::doubleValue).max().orElse(Double.NaN);
    return new Figure(name, unit, ours, peers, ours / best, target, note);
  }

  /** A figure whose value is computed by the caller. */
  public static Figure valued(
      String name, String unit, double ours, double value, Target target, String note) {
    return new Figure(name, unit, ours, Map.of(), value, target, note);
  }

  String mark() {
    return target == null ? "" : target.mark(value);
  }
}
