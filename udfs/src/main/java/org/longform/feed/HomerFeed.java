package org.longform.feed;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Passage;
import org.longform.kernels.model.Session;

/**
 * Chunks of a document, each with what surrounds it, that are merged two by two while they go
 * through the layers. Depth first, so that at most one passage of each height waits for its
 * sibling.
 */
final class HomerFeed implements Feed {
  private final FeedRequest request;
  private final HomerTree tree;
  private final Deque<Node> waiting = new ArrayDeque<>();
  private int[] chunk;
  private int filled;
  private int chunks;
  private long taken;
  private int mostAlive;
  private final ReadForQuestion read = new ReadForQuestion();
  private FeedStats stats = FeedStats.NONE;

  private record Node(int height, int index, Passage passage) {}

  HomerFeed(FeedRequest request, HomerTree tree) {
    this.request = request;
    this.tree = tree;
    this.chunk = new int[tree.chunkLength(0)];
  }

  @Override
  public void take(DocumentPiece piece) {
    for (int from = 0; from < piece.ids().length; ) {
      if (filled == chunk.length) {
        readChunk();
      }
      int count = Math.min(chunk.length - filled, piece.ids().length - from);
      System.arraycopy(piece.ids(), from, chunk, filled, count);
      filled += count;
      from += count;
    }
  }

  @Override
  public void finish() {
    if (chunks + 1 != tree.chunks() || filled != chunk.length) {
      throw changed();
    }
    readChunk();
    Passage root = waiting.pop().passage();
    long[] origins = root.tokens().stream().mapToLong(Passage.Token::origin).toArray();
    try {
      read.is(root.session(), origins);
    } finally {
      root.close();
    }
  }

  private LongformException changed() {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot read the document: it has not the %d tokens it was counted to have. Do not change it while it is read."
            .formatted(request.documentTokens()));
  }

  /** Reads the chunk that is full, and merges as far as both sides are there. */
  private void readChunk() {
    if (chunks == tree.chunks()) {
      throw changed();
    }
    List<Passage.Token> tokens = new ArrayList<>();
    int position = 0;
    for (int id : request.prefix()) {
      tokens.add(new Passage.Token(id, position++, ReadForQuestion.SURROUNDING));
    }
    for (int i = 0; i < filled; i++) {
      tokens.add(new Passage.Token(chunk[i], position++, taken + i));
    }
    // the same place in all chunks, also in a shorter one
    position = request.prefix().length + tree.longestChunk();
    for (int id : request.suffix()) {
      tokens.add(new Passage.Token(id, position++, ReadForQuestion.SURROUNDING));
    }
    push(new Node(0, chunks, request.decoder().passage(tokens, request.sessions())));
    chunks++;
    taken += filled;
    filled = 0;
    chunk = new int[chunks < tree.chunks() ? tree.chunkLength(chunks) : 0];
    while (waiting.size() > 1 && waiting.peek().index() % 2 == 1) {
      merge();
    }
  }

  private void merge() {
    // taken off only when both are merged, so that none is forgotten if that fails
    Iterator<Node> newest = waiting.iterator();
    Node right = newest.next();
    Node left = newest.next();
    Passage merged =
        Passage.join(
            left.passage(), right.passage(), request.prefix().length, request.suffix().length);
    waiting.pop().passage().close();
    waiting.pop().passage().close();
    push(new Node(left.height() + 1, left.index() / 2, merged));
  }

  /** Runs a node's layers; it waits for its sibling then. */
  private void push(Node node) {
    waiting.push(node);
    mostAlive = Math.max(mostAlive, waiting.size());
    int upTo = tree.layersUpTo(node.height());
    long attended = upTo > node.passage().layers() ? node.passage().length() : 0;
    int kept = tree.kept(node.height(), node.index());
    node.passage().run(upTo, significance -> best(significance, kept));
    stats =
        new FeedStats(
            stats.attendedTokens() + attended,
            Math.max(
                stats.peakKvBytes(),
                waiting.stream().mapToLong(each -> each.passage().kvBytes()).sum()),
            Math.max(
                stats.peakKvDiskBytes(),
                waiting.stream().mapToLong(each -> each.passage().kvDiskBytes()).sum()));
  }

  /** The places of the most significant tokens of the document and of all that surround it. */
  private int[] best(double[] significance, int kept) {
    int first = request.prefix().length;
    int end = significance.length - request.suffix().length;
    Integer[] ranked = new Integer[end - first];
    Arrays.setAll(ranked, i -> first + i);
    // of equals the earlier one: the sort is stable
    Arrays.sort(ranked, (a, b) -> Double.compare(significance[b], significance[a]));
    boolean[] stays = new boolean[significance.length];
    Arrays.fill(stays, 0, first, true);
    Arrays.fill(stays, end, stays.length, true);
    for (int i = 0; i < Math.min(kept, ranked.length); i++) {
      stays[ranked[i]] = true;
    }
    int[] places = new int[stays.length];
    int count = 0;
    for (int i = 0; i < stays.length; i++) {
      if (stays[i]) {
        places[count++] = i;
      }
    }
    return Arrays.copyOf(places, count);
  }

  /** Most passages that were there at once. */
  int mostAlive() {
    return mostAlive;
  }

  @Override
  public Session session() {
    return read.session();
  }

  @Override
  public long documentToken(long row) {
    return read.documentToken(row);
  }

  @Override
  public FeedStats stats() {
    return read.after(stats);
  }

  @Override
  public void close() {
    waiting.forEach(node -> node.passage().close());
    waiting.clear();
    read.close();
  }
}
