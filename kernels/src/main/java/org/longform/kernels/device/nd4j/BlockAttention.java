package org.longform.kernels.device.nd4j;

import java.util.Arrays;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.device.AttendRequest;

/**
 * Attention of one block. The heads that share a key/value head, times some tokens, are the rows of
 * one matrix, so that a tile of keys takes two products whatever the number of heads. Memory is
 * bounded by the tile, not by the cache.
 */
final class BlockAttention {
  private static final int MOST_ROWS = 512;
  private static final int MOST_KEYS = 8192;
  // 2 MiB of scores: they are passed over three times and should stay in the cache
  private static final int SCORES = 1 << 19;

  private final AttendRequest request;
  private final Scratch scratch;
  private final RotaryTables tables;
  private final int sharers;
  private final int headDim;

  private BlockAttention(AttendRequest request, Scratch scratch, RotaryTables tables) {
    this.request = request;
    this.scratch = scratch;
    this.tables = tables;
    this.sharers = request.heads() / request.cache().kvHeads();
    this.headDim = request.cache().headDim();
  }

  static void run(AttendRequest request, Scratch scratch, RotaryTables tables) {
    request.plan().validate(request.cache(), request.heads(), request.firstRow());
    BlockAttention attention = new BlockAttention(request, scratch, tables);
    int step = Math.max(1, MOST_ROWS / attention.sharers);
    for (int kvHead = 0; kvHead < request.cache().kvHeads(); kvHead++) {
      for (int from = 0; from < request.tokens(); from += step) {
        attention.block(kvHead, from, Math.min(request.tokens(), from + step));
      }
    }
  }

  private void block(int kvHead, int from, int to) {
    RunningSoftmax softmax =
        new RunningSoftmax(kvHead * sharers, sharers, from, to - from, headDim);
    eachTile(kvHead, from, to, tile -> softmax.add(tile, scratch));
    if (softmax.hasNan() && to - from > 1) {
      // zero times a value that is not finite is not zero: alone, a query gathers only what it sees
      for (int token = from; token < to; token++) {
        block(kvHead, token, token + 1);
      }
      return;
    }
    write(softmax, kvHead, from, to);
    if (request.taps().wantsMass()) {
      eachTile(kvHead, from, to, tile -> addMass(tile, softmax));
    }
  }

  private void eachTile(int kvHead, int from, int to, KeyTile.Visitor visitor) {
    for (int s = 0; s < request.plan().segments().size(); s++) {
      Segment segment = request.plan().segments().get(s);
      long first = Math.max(from, segment.queries().from() - request.firstRow());
      long end = Math.min(to, segment.queries().to() - request.firstRow());
      if (first >= end) {
        continue;
      }
      int groups = segment.rows().groups();
      boolean together =
          segment.headScales().isNone() && (groups == 1 || groups == request.cache().kvHeads());
      int heads = together ? sharers : 1;
      for (int head = kvHead * sharers; head < (kvHead + 1) * sharers; head += heads) {
        meet(new QueryPart(request, s, kvHead, head, heads, (int) first, (int) end), visitor);
      }
    }
  }

  private void meet(QueryPart part, KeyTile.Visitor visitor) {
    int floats = part.rows() * headDim;
    scratch.queries.reserve(floats).write(0, part.pack(scratch, tables), floats);
    int capacity = Math.min(MOST_KEYS, SCORES / part.rows());
    KeyTile.each(part, scratch, tables, capacity, visitor);
  }

  private void write(RunningSoftmax softmax, int kvHead, int from, int to) {
    float[] results = scratch.wide(sharers * headDim);
    for (int token = from; token < to; token++) {
      for (int i = 0; i < sharers; i++) {
        int slot = softmax.slot(kvHead * sharers + i, token);
        softmax.result(slot, results, i * headDim);
        if (request.taps().wantsLogSumExp()) {
          request
              .taps()
              .logSumExp()
              .set(
                  (long) token * request.heads() + (long) kvHead * sharers + i,
                  (float) softmax.logSumExp(slot));
        }
      }
      long at = (long) token * request.heads() * headDim + (long) kvHead * sharers * headDim;
      request.out().write(at, results, 0, sharers * headDim);
    }
  }

  /** A second pass over the keys: only now the sum that each exponential is a part of is known. */
  private void addMass(KeyTile keys, RunningSoftmax softmax) {
    QueryPart part = keys.part();
    ScoreTile scores = ScoreTile.of(keys, scratch);
    float[] mass = scratch.narrow(keys.size());
    int rowsAtOnce = request.taps().wantsHeadMass() ? part.tokens() : part.rows();
    for (int first = 0; first < part.rows(); first += rowsAtOnce) {
      Arrays.fill(mass, 0, keys.size(), 0f);
      for (int row = first; row < first + rowsAtOnce; row++) {
        addMass(scores, part, row, softmax, mass);
      }
      for (int i = 0; i < keys.size(); i++) {
        tell(part, part.head(first), keys.row(i), mass[i]);
      }
    }
  }

  private void addMass(
      ScoreTile scores, QueryPart part, int row, RunningSoftmax softmax, float[] mass) {
    if (!scores.load(row)) {
      return;
    }
    int slot = softmax.slot(part.head(row), part.token(row));
    float[] logits = scores.logits();
    scratch.exponentials.apply(logits, scores.from(), scores.to(), (float) softmax.logSumExp(slot));
    scores.zeroMasked();
    for (int i = scores.from(); i < scores.to(); i++) {
      mass[i] += logits[i];
    }
  }

  private void tell(QueryPart part, int head, long row, float mass) {
    if (request.taps().wantsHeadMass()) {
      request.taps().mass(part.segmentIndex(), head, row, mass);
    } else {
      request.taps().mass(row, mass);
    }
  }
}
