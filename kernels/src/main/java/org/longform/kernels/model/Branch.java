package org.longform.kernels.model;

import java.util.List;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.AttendTaps;

/**
 * Rows of a block that are planned and attended together: all of a stretch of text, or one row of a
 * tree, which sees of the tree's rows only those that lead to it and so attends as it would if it
 * were read alone behind them.
 *
 * @param from first row, counted in the block
 * @param tokens number of rows
 * @param path the reserved rows of the cache it sees, in order; null for all
 * @param encodings the model's positions in each layer, for a text that ends with these rows
 * @param taps what its attention reports
 */
record Branch(int from, int tokens, int[] path, List<PositionEncoding> encodings, AttendTaps taps) {

  KvView view(KvCache cache, int layer) {
    return path == null ? cache.view(layer) : cache.view(layer, path);
  }
}
