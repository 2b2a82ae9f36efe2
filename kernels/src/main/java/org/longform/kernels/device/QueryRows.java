package org.longform.kernels.device;

import java.util.Arrays;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryAttention;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;

/**
 * What few queries make of the tokens they see, in plain Java with float64 sums. As the queries are
 * few, most of the work is to turn the keys: that is done once for all queries and heads that share
 * them.
 */
final class QueryRows {
  private final QueryRowsRequest request;
  private final int headDim;
  private final Turned[] turned;

  /** The keys of one segment as one key/value head has them. */
  private record Turned(int kvHead, int group, double scale, long[] rows, float[] keys) {}

  private QueryRows(QueryRowsRequest request) {
    request.plan().validate(request.cache(), request.heads(), request.firstRow());
    this.request = request;
    this.headDim = request.cache().headDim();
    this.turned = new Turned[request.plan().segments().size()];
  }

  static void logits(QueryRowsRequest request, QueryAttention target) {
    new QueryRows(request).each(target);
  }

  static void probabilities(QueryRowsRequest request, QueryAttention target) {
    new QueryRows(request)
        .each(
            (head, queryRow, rows, logits) -> {
              double max = Arrays.stream(logits).max().orElse(Double.NEGATIVE_INFINITY);
              double sum = 0;
              for (int i = 0; i < logits.length; i++) {
                logits[i] = Math.exp(logits[i] - max);
                sum += logits[i];
              }
              for (int i = 0; i < logits.length; i++) {
                logits[i] /= sum;
              }
              target.add(head, queryRow, rows, logits);
            });
  }

  private void each(QueryAttention target) {
    long first = Math.max(request.firstRow(), request.asking().from());
    long end = Math.min(request.cache().end(), request.asking().to());
    for (int head = 0; head < request.heads(); head++) {
      for (long row = first; row < end; row++) {
        one(head, row, target);
      }
    }
  }

  private void one(int head, long queryRow, QueryAttention target) {
    long[] rows = new long[64];
    double[] logits = new double[64];
    int seen = 0;
    for (int s = 0; s < turned.length; s++) {
      Segment segment = request.plan().segments().get(s);
      if (!segment.queries().contains(queryRow)) {
        continue;
      }
      Turned keys = turned(s, segment, head);
      double position = segment.queryPositions().at(queryRow) * segment.headScales().at(head);
      float[] query = query(head, queryRow, position);
      for (int i = 0; i < keys.rows.length; i++) {
        if (!segment.band().allows(queryRow, keys.rows[i])) {
          continue;
        }
        if (seen == rows.length) {
          rows = Arrays.copyOf(rows, 2 * seen);
          logits = Arrays.copyOf(logits, 2 * seen);
        }
        rows[seen] = keys.rows[i];
        double keyPosition = segment.keyPositions().at(keys.rows[i], i) * keys.scale;
        logits[seen++] =
            request.capped(
                (dot(query, keys.keys, i * headDim) * request.scale()
                        - bias(head, position - keyPosition))
                    * segment.logitScale());
      }
    }
    target.add(head, queryRow, Arrays.copyOf(rows, seen), Arrays.copyOf(logits, seen));
  }

  private float[] query(int head, long queryRow, double position) {
    float[] query = new float[headDim];
    request
        .queries()
        .read(((queryRow - request.firstRow()) * request.heads() + head) * headDim, query);
    double gain = request.plan().gain().at(queryRow);
    for (int d = 0; d < headDim; d++) {
      query[d] = (float) (query[d] * gain);
    }
    if (request.encoding() instanceof PositionEncoding.Rope rope) {
      rope.rotate(query, 0, position);
    }
    return query;
  }

  /** The keys that a head meets in a segment; heads come in order, so the last ones serve on. */
  private Turned turned(int index, Segment segment, int head) {
    int kvHead = head * request.cache().kvHeads() / request.heads();
    int group = head * segment.rows().groups() / request.heads();
    double scale = segment.headScales().at(head);
    Turned last = turned[index];
    if (last == null || last.kvHead != kvHead || last.group != group || last.scale != scale) {
      turned[index] = turn(segment, kvHead, group, scale);
    }
    return turned[index];
  }

  private Turned turn(Segment segment, int kvHead, int group, double scale) {
    Rows list = segment.rows();
    long[] rows = list.toArray(group);
    float[] keys = new float[Math.multiplyExact(rows.length, headDim)];
    int at = 0;
    for (int r = 0; r < list.ranges(group); r++) {
      for (long row = list.start(group, r); row < list.end(group, r); ) {
        int run = request.cache().contiguous(row, list.end(group, r));
        request.cache().readKeys(kvHead, row, run, keys, at * headDim);
        at += run;
        row += run;
      }
    }
    if (request.encoding() instanceof PositionEncoding.Rope rope) {
      for (int i = 0; i < rows.length; i++) {
        rope.rotate(keys, i * headDim, segment.keyPositions().at(rows[i], i) * scale);
      }
    }
    return new Turned(kvHead, group, scale, rows, keys);
  }

  private double bias(int head, double distance) {
    return request.encoding() instanceof PositionEncoding.Alibi alibi
        ? alibi.slopes()[head] * distance
        : 0;
  }

  private double dot(float[] query, float[] keys, int offset) {
    double dot = 0;
    for (int d = 0; d < headDim; d++) {
      dot += (double) query[d] * keys[offset + d];
    }
    return dot;
  }
}
