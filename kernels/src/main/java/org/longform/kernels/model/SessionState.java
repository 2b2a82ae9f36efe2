package org.longform.kernels.model;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvShape;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A session in the middle of a document, without its keys and values.
 *
 * @param length tokens read
 * @param held those whose keys and values are kept
 * @param last the last token's residual stream
 * @param pending tokens taken but not read
 * @param promptTokens length of the whole prompt, -1 if unknown
 */
record SessionState(
    long length, Rows held, float[] last, int[] pending, long promptTokens, Counts counts) {

  record Counts(long prefilled, long attended, long peakBytes, long peakDiskBytes) {}

  void write(KvShape shape, DataOutput out) throws IOException {
    writeShape(shape, out);
    out.writeLong(length);
    out.writeLong(promptTokens);
    out.writeLong(counts.prefilled);
    out.writeLong(counts.attended);
    out.writeLong(counts.peakBytes);
    out.writeLong(counts.peakDiskBytes);
    out.writeInt(held.ranges(0));
    for (int i = 0; i < held.ranges(0); i++) {
      out.writeLong(held.start(0, i));
      out.writeLong(held.end(0, i));
    }
    out.writeInt(last.length);
    for (float each : last) {
      out.writeFloat(each);
    }
    out.writeInt(pending.length);
    for (int token : pending) {
      out.writeInt(token);
    }
  }

  /**
   * Nothing is allocated for a number that was read before it was checked against the model and the
   * strategy.
   */
  static SessionState read(DecoderSpec spec, KvShape shape, ContextStrategy strategy, DataInput in)
      throws IOException {
    requireShape(shape, in);
    long length = in.readLong();
    long promptTokens = in.readLong();
    Counts counts = new Counts(in.readLong(), in.readLong(), in.readLong(), in.readLong());
    require(length >= 0, "it has %d tokens", length);
    Rows held = rows(in, length);
    require(
        strategy.resumable() && strategy.retain(held, length).equals(held),
        "the strategy would not keep %s",
        held);
    int hidden = in.readInt();
    require(hidden == spec.hidden(), "its hidden size is %d", hidden);
    float[] last = new float[hidden];
    for (int i = 0; i < hidden; i++) {
      last[i] = in.readFloat();
    }
    int waiting = in.readInt();
    require(
        waiting >= 0 && waiting < strategy.nextChunk(length, promptTokens),
        "%d tokens are pending",
        waiting);
    int[] pending = new int[waiting];
    for (int i = 0; i < waiting; i++) {
      pending[i] = in.readInt();
      require(
          pending[i] >= 0 && pending[i] < spec.vocabulary(),
          "token %d is not in the vocabulary",
          pending[i]);
    }
    return new SessionState(length, held, last, pending, promptTokens, counts);
  }

  // a list longer than what is behind it ends with the stream
  private static Rows rows(DataInput in, long length) throws IOException {
    int ranges = in.readInt();
    Rows.Builder rows = Rows.builder();
    long end = 0;
    for (int i = 0; i < ranges; i++) {
      long from = in.readLong();
      long to = in.readLong();
      require(from >= end && to > from && to <= length, "it keeps rows %d to %d", from, to);
      rows.range(from, to);
      end = to;
    }
    return rows.build();
  }

  private static void writeShape(KvShape shape, DataOutput out) throws IOException {
    out.writeInt(shape.layers());
    for (int layer = 0; layer < shape.layers(); layer++) {
      out.writeInt(shape.kvHeads(layer));
    }
    out.writeInt(shape.headDim());
    out.writeInt(shape.dtype().ordinal());
  }

  private static void requireShape(KvShape shape, DataInput in) throws IOException {
    int layers = in.readInt();
    require(layers == shape.layers(), "it has %d layers, not %d", layers, shape.layers());
    int[] kvHeads = new int[layers];
    for (int layer = 0; layer < layers; layer++) {
      kvHeads[layer] = in.readInt();
    }
    int headDim = in.readInt();
    int dtype = in.readInt();
    require(dtype >= 0 && dtype < KvDType.values().length, "its data type is number %d", dtype);
    KvShape found = new KvShape(kvHeads, headDim, KvDType.values()[dtype]);
    require(found.equals(shape), "its keys and values are %s, not %s", found, shape);
  }

  private static void require(boolean met, String why, Object... values) {
    if (!met) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot go on with the saved session: %s. Read the document from its beginning."
              .formatted(why.formatted(values)));
    }
  }
}
