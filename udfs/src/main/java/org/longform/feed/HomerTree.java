package org.longform.feed;

/**
 * How HOMER cuts a document into chunks and merges them, worked out before the first token: a
 * binary tree of 2^height chunks, which of the layers each height runs, and how many of the
 * document's tokens a node hands on.
 */
final class HomerTree {
  private final long documentTokens;
  private final int chunks;
  private final int height;
  private final int layers;
  private final int warmupLayers;
  // [height][node]: document tokens that a node hands on
  private final int[][] kept;

  /**
   * Lengths in tokens of the document, without what surrounds it.
   *
   * @param chunk most of them in a merged chunk
   * @param initial most of them in a chunk that is not merged yet
   * @param target most of them in the end
   */
  record Lengths(int chunk, int initial, int target) {}

  /**
   * @param layers of the model
   * @param warmupLayers that the chunks run before their share of the others
   */
  HomerTree(long documentTokens, Lengths lengths, int layers, int warmupLayers) {
    this.documentTokens = documentTokens;
    this.layers = layers;
    this.warmupLayers = warmupLayers;
    long needed = (documentTokens + lengths.initial() - 1) / lengths.initial();
    int rounded = 0;
    while (1L << rounded < needed) {
      rounded++;
    }
    this.height = rounded;
    this.chunks = Math.toIntExact(1L << rounded);
    this.kept = new int[height + 1][];
    for (int h = 0; h <= height; h++) {
      kept[h] = new int[chunks >> h];
      for (int node = 0; node < kept[h].length; node++) {
        kept[h][node] = length(h, node);
      }
      reduce(h, lengths);
    }
  }

  private void reduce(int h, Lengths lengths) {
    int half = lengths.chunk() / 2;
    if (h == height) {
      kept[h][0] = Math.min(kept[h][0], lengths.target());
      return;
    }
    for (int right = 1; right < kept[h].length; right += 2) {
      // what the right one leaves free is the left one's
      kept[h][right] = Math.min(kept[h][right], half);
      kept[h][right - 1] = Math.min(kept[h][right - 1], lengths.chunk() - kept[h][right]);
      if (kept[h][right] == half) {
        kept[h][right - 1] = Math.min(kept[h][right - 1], half);
      }
    }
  }

  int chunks() {
    return chunks;
  }

  /** 0 if there is one chunk. */
  int height() {
    return height;
  }

  /** Tokens of the document in a chunk: they differ by one at most. */
  int chunkLength(int chunk) {
    return Math.toIntExact(chunkBegin(chunk + 1) - chunkBegin(chunk));
  }

  /** Tokens of the longest chunk: where what follows the document stands in all of them. */
  int longestChunk() {
    return Math.toIntExact((documentTokens + chunks - 1) / chunks);
  }

  private long chunkBegin(int chunk) {
    return Math.floorDiv(Math.multiplyExact(documentTokens, (long) chunk), (long) chunks);
  }

  /** Tokens of the document that a node has before it hands some on. */
  int length(int h, int node) {
    return h == 0 ? chunkLength(node) : kept[h - 1][2 * node] + kept[h - 1][2 * node + 1];
  }

  /** Tokens of the document that a node hands on. */
  int kept(int h, int node) {
    return kept[h][node];
  }

  /**
   * One past the last layer that nodes of a height run. As published while there are as many layers
   * as heights: equal shares, what is left over to the chunks. In deeper trees the root and those
   * right below it have one layer each, those further down none.
   */
  int layersUpTo(int h) {
    int shared = layers - warmupLayers;
    int share = shared / (height + 1);
    if (share > 0) {
      return layers - share * (height - h);
    }
    return layers - Math.min(height - h, Math.max(0, shared - 1));
  }
}
