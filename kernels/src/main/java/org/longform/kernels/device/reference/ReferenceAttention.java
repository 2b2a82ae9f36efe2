package org.longform.kernels.device.reference;

import java.util.ArrayList;
import java.util.List;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.AttendRequest;

/** Attention of one query row of one head: logits of all segments, one softmax in float64. */
final class ReferenceAttention {
  private final AttendRequest request;
  private final int head;
  private final int kvHead;
  private final int token;
  private final int headDim;
  private final long queryRow;
  private final List<Seen> seen = new ArrayList<>();
  private double max = Double.NEGATIVE_INFINITY;

  /** A key that the query sees. */
  private record Seen(int segment, long row, double logit) {}

  ReferenceAttention(AttendRequest request, int head, int token) {
    this.request = request;
    this.head = head;
    this.kvHead = head * request.cache().kvHeads() / request.heads();
    this.token = token;
    this.headDim = request.cache().headDim();
    this.queryRow = request.firstRow() + token;
  }

  void run() {
    List<Segment> segments = request.plan().segments();
    for (int i = 0; i < segments.size(); i++) {
      if (segments.get(i).queries().contains(queryRow)) {
        collect(i, segments.get(i));
      }
    }
    double sum = 0;
    for (Seen key : seen) {
      sum += Math.exp(key.logit - max);
    }
    double[] mixed = new double[headDim];
    float[] value = new float[headDim];
    for (Seen key : seen) {
      double probability = Math.exp(key.logit - max) / sum;
      request.cache().readValue(kvHead, key.row, value);
      for (int d = 0; d < headDim; d++) {
        mixed[d] += probability * value[d];
      }
      if (request.taps().wantsHeadMass()) {
        request.taps().mass(key.segment, head, key.row, (float) probability);
      } else if (request.taps().wantsMass()) {
        request.taps().mass(key.row, (float) probability);
      }
    }
    long at = (long) token * request.heads() * headDim + (long) head * headDim;
    for (int d = 0; d < headDim; d++) {
      request.out().set(at + d, (float) mixed[d]);
    }
    if (request.taps().wantsLogSumExp()) {
      request
          .taps()
          .logSumExp()
          .set((long) token * request.heads() + head, (float) (max + Math.log(sum)));
    }
  }

  private void collect(int number, Segment segment) {
    Rows rows = segment.rows();
    int group = head * rows.groups() / request.heads();
    double scaleOfPositions = segment.headScales().at(head);
    double queryPosition = segment.queryPositions().at(queryRow) * scaleOfPositions;
    float[] query = new float[headDim];
    request.queries().read((long) token * request.heads() * headDim + (long) head * headDim, query);
    double gain = request.plan().gain().at(queryRow);
    for (int d = 0; d < headDim; d++) {
      query[d] = (float) (query[d] * gain);
    }
    if (request.encoding() instanceof PositionEncoding.Rope rope) {
      rope.rotate(query, 0, queryPosition);
    }
    float[] key = new float[headDim];
    long index = 0;
    for (long row : rows.toArray(group)) {
      double keyPosition = segment.keyPositions().at(row, index++) * scaleOfPositions;
      if (!segment.band().allows(queryRow, row)) {
        continue;
      }
      request.cache().readKey(kvHead, row, key);
      double logit =
          request.capped(logit(query, queryPosition, key, keyPosition) * segment.logitScale());
      max = Math.max(max, logit);
      seen.add(new Seen(number, row, logit));
    }
  }

  private double logit(float[] query, double queryPosition, float[] key, double keyPosition) {
    if (request.encoding() instanceof PositionEncoding.Rope rope) {
      rope.rotate(key, 0, keyPosition);
    }
    double dot = 0;
    for (int d = 0; d < headDim; d++) {
      dot += (double) query[d] * key[d];
    }
    double logit = dot * request.scale();
    if (request.encoding() instanceof PositionEncoding.Alibi alibi) {
      logit -= alibi.slopes()[head] * (queryPosition - keyPosition);
    }
    return logit;
  }
}
