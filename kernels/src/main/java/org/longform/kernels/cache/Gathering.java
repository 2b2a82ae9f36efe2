package org.longform.kernels.cache;

import java.util.List;

/**
 * Which rows each layer and key/value head keeps when they are moved together, see {@link
 * KvCache#gather}.
 *
 * @param layers one entry for all layers, or one for each; of one list for all heads, or one for
 *     each key/value head; all lists are equally long
 */
public record Gathering(List<Rows> layers) {
  public Gathering {
    layers = List.copyOf(layers);
  }

  /** The same rows in all layers and heads. */
  public static Gathering of(Rows rows) {
    return new Gathering(List.of(rows));
  }

  /** The rows of a layer, with one list or one for each key/value head. */
  Rows rows(int layer) {
    return layers.get(layers.size() == 1 ? 0 : layer);
  }

  /** Rows that each head keeps. */
  public long count() {
    return layers.get(0).count(0);
  }

  /** Whether the lists fit a cache, and each row is one that it holds. */
  boolean fits(KvShape shape, Rows held) {
    if (layers.size() != 1 && layers.size() != shape.layers()) {
      return false;
    }
    for (int layer = 0; layer < shape.layers(); layer++) {
      Rows rows = rows(layer);
      if (rows.groups() != 1 && rows.groups() != shape.kvHeads(layer)) {
        return false;
      }
      for (int g = 0; g < rows.groups(); g++) {
        if (rows.count(g) != count()) {
          return false;
        }
      }
      if (!rows.allRanges((from, to) -> held.containsRange(0, from, to))) {
        return false;
      }
    }
    return true;
  }
}
