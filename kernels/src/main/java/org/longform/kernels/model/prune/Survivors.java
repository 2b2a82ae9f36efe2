package org.longform.kernels.model.prune;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Chooses which units of each layer stay: the least important go, of equally important ones the
 * first. One unit of each layer always stays.
 */
final class Survivors {
  private final PruneOptions.Ranking ranking;

  Survivors(PruneOptions.Ranking ranking) {
    this.ranking = ranking;
  }

  /**
   * @param importances of the units of each layer
   * @param removable how many of each layer are to go; 0 for layers that stay whole
   * @return for each layer the units that stay, ascending
   */
  List<List<Integer>> choose(List<double[]> importances, int[] removable) {
    boolean[][] gone = new boolean[importances.size()][];
    for (int layer = 0; layer < gone.length; layer++) {
      gone[layer] = new boolean[importances.get(layer).length];
    }
    if (ranking == PruneOptions.Ranking.LOCAL) {
      for (int layer = 0; layer < gone.length; layer++) {
        remove(units(importances, layer), removable[layer], gone);
      }
    } else {
      List<Unit> all = new ArrayList<>();
      for (int layer = 0; layer < gone.length; layer++) {
        if (removable[layer] >= 0) {
          all.addAll(units(importances, layer));
        }
      }
      remove(all, IntStream.of(removable).filter(count -> count > 0).sum(), gone);
    }
    List<List<Integer>> kept = new ArrayList<>();
    for (boolean[] layer : gone) {
      kept.add(IntStream.range(0, layer.length).filter(unit -> !layer[unit]).boxed().toList());
    }
    return kept;
  }

  private record Unit(int layer, int index, double importance) {}

  private static List<Unit> units(List<double[]> importances, int layer) {
    double[] own = importances.get(layer);
    return IntStream.range(0, own.length).mapToObj(i -> new Unit(layer, i, own[i])).toList();
  }

  private static void remove(List<Unit> units, int count, boolean[][] gone) {
    int[] left = new int[gone.length];
    units.forEach(unit -> left[unit.layer]++);
    int wanted = count;
    List<Unit> sorted =
        units.stream().sorted(Comparator.comparingDouble(Unit::importance)).toList();
    for (Unit unit : sorted) {
      if (wanted <= 0) {
        return;
      }
      if (left[unit.layer] > 1) {
        gone[unit.layer][unit.index] = true;
        left[unit.layer]--;
        wanted--;
      }
    }
  }
}
