package org.longform.kernels.device.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.PositionEncoding;
import org.longform.kernels.attention.QueryGain;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.ChosenRows;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/** Writes an {@link AttendRequest} as the structs of {@code kernels_attention}. */
final class AttendCall implements AutoCloseable {
  private static final int SEGMENT_WORDS = 29;
  // fewer are faster listed than looked for
  private static final long LEAST_KEPT_ROWS = 64L * KvView.pageRows();
  private static final int ATTENTION_WORDS = 17;
  // ordinals of kernels_position_kind, kernels_band_kind and kernels_encoding
  private static final long TRUE = 0;
  private static final long CONTIGUOUS = 1;
  private static final long CONSTANT = 2;
  private static final long STRIDED = 3;
  private static final long SHIFTED = 4;
  private static final long LISTED = 5;
  private static final long PACKED = 6;
  private static final long ALIBI = 2;

  private final AttendRequest request;
  private final MemoryOwner owner;
  // those of a segment are listed here, or the cache keeps a list of them
  private final List<RunList> runs = new ArrayList<>();
  private final List<Optional<KeyList>> kept = new ArrayList<>();
  // for each segment, where the runs of each of its groups begin, and the end
  private final List<long[]> starts = new ArrayList<>();
  // for each segment, the rows that the card chose and the host need not know
  private final List<Optional<ChosenRows>> chosen = new ArrayList<>();

  /**
   * @param owner of the device's own memory; null if it has none
   * @param source of memory that the device reads
   */
  AttendCall(AttendRequest request, MemoryOwner owner, MemorySource source) {
    this.request = request;
    this.owner = owner;
    try {
      for (Segment segment : request.plan().segments()) {
        list(segment, source);
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  private void list(Segment segment, MemorySource source) {
    Optional<ChosenRows> untold = segment.rows().untold().filter(this::isKept);
    chosen.add(untold);
    RunList list = new RunList(owner);
    runs.add(list);
    // what was chosen stands between the others when the card lists them
    Rows rows =
        untold.map(own -> own.behind().between(own.before(), Rows.none())).orElse(segment.rows());
    Optional<KeyList> pages = untold.isPresent() ? Optional.empty() : keptList(rows, source);
    kept.add(pages);
    if (pages.isPresent()) {
      starts.add(new long[] {0, pages.get().size(rows.end(0, 0))});
      return;
    }
    long[] begins = new long[rows.groups() + 1];
    for (int g = 0; g < rows.groups(); g++) {
      long index = 0;
      for (int i = 0; i < rows.ranges(g); i++) {
        list.add(request.cache(), rows.start(g, i), rows.end(g, i), index);
        index += rows.end(g, i) - rows.start(g, i);
      }
      begins[g + 1] = list.size();
    }
    starts.add(begins);
  }

  /**
   * Of a card, which rows from the document's first on lie where; the list is kept from token to
   * token. Whoever reports masses names the rows.
   */
  private Optional<KeyList> keptList(Rows rows, MemorySource source) {
    if (owner == null
        || request.taps().wantsMass()
        || rows.groups() != 1
        || rows.ranges(0) != 1
        || rows.start(0, 0) != 0
        || rows.end(0, 0) < LEAST_KEPT_ROWS
        || !request.cache().isSettled(rows.end(0, 0))) {
      return Optional.empty();
    }
    KeyList list = KeyList.borrow(request.cache(), 0, rows.end(0, 0), owner, source);
    if (list.isResident()) {
      return Optional.of(list);
    }
    list.giveBack();
    return Optional.empty();
  }

  @Override
  public void close() {
    kept.forEach(list -> list.ifPresent(KeyList::giveBack));
  }

  /** Whether the device finds rows where it chose them. Whoever reports masses names their rows. */
  private boolean isKept(ChosenRows rows) {
    return !request.taps().wantsMass()
        && rows.choice() instanceof CardChoice choice
        && choice.isOn(owner);
  }

  /**
   * Runs the attention.
   *
   * @param device address of the native device
   */
  void run(long device) {
    CallBuffer buffer = CallBuffer.borrow();
    long columns = request.taps().wantsMass() ? columns() : 0;
    try (Tensor mass = columns > 0 ? Tensor.allocate(columns) : null;
        Tensor scaled = scaledQueries()) {
      Tensor queries = scaled == null ? request.queries() : scaled;
      CpuHandle.check(
          "attend",
          CpuNative.attend(device, write(buffer, queries, mass == null ? 0 : mass.address())));
      if (mass != null) {
        report(mass.toArray());
      }
    } finally {
      buffer.giveBack();
    }
  }

  /** The queries times the plan's gain; null if there is none. */
  private Tensor scaledQueries() {
    if (request.plan().gain() instanceof QueryGain.None) {
      return null;
    }
    float[] values = request.queries().toArray();
    int width = values.length / request.tokens();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * request.plan().gain().at(request.firstRow() + i / width));
    }
    Tensor scaled = Tensor.allocate(request.tokens(), width);
    scaled.write(0, values);
    return scaled;
  }

  /** Query heads that share a list of a segment. */
  private int sharers(int segment) {
    return request.heads() / request.plan().segments().get(segment).rows().groups();
  }

  private long columns() {
    long columns = 0;
    for (int s = 0; s < runs.size(); s++) {
      long rows = 0;
      for (int i = 0; i < runs.get(s).size(); i++) {
        rows += runs.get(s).count(i);
      }
      columns += rows * (request.taps().wantsHeadMass() ? sharers(s) : 1);
    }
    return columns;
  }

  private void report(float[] mass) {
    int at = 0;
    for (int s = 0; s < runs.size(); s++) {
      long[] begins = starts.get(s);
      for (int group = 0; group + 1 < begins.length; group++) {
        int rows = request.taps().wantsHeadMass() ? sharers(s) : 1;
        for (int row = 0; row < rows; row++) {
          at = report(mass, at, s, group * sharers(s) + row, begins[group], begins[group + 1]);
        }
      }
    }
  }

  /** Reports some runs of a segment; answers where the next ones begin. */
  private int report(float[] mass, int from, int segment, int head, long firstRun, long endRun) {
    int at = from;
    RunList list = runs.get(segment);
    for (int i = (int) firstRun; i < endRun; i++) {
      for (int j = 0; j < list.count(i); j++) {
        long row = list.row(i) + j;
        if (request.taps().wantsHeadMass()) {
          request.taps().mass(segment, head, row, mass[at++]);
        } else {
          request.taps().mass(row, mass[at++]);
        }
      }
    }
    return at;
  }

  private long write(CallBuffer buffer, Tensor queries, long mass) {
    buffer.reserve(bytes());
    long layout = KvLayout.write(request.cache(), buffer);
    double[] frequencies = frequencies();
    long frequencyAddress = buffer.address();
    buffer.putAll(frequencies);
    List<long[]> parts = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      parts.add(lists(i, buffer));
    }
    long segments = buffer.address();
    for (int i = 0; i < runs.size(); i++) {
      segment(i, parts.get(i), buffer);
      buffer.put(kept.get(i).isPresent() || runs.get(i).isResident() ? 1L : 0L);
      chosen(chosen.get(i), buffer);
      buffer
          .put(kept.get(i).map(KeyList::address).orElse(0L))
          .put(kept.get(i).isPresent() ? segmentEnd(i) : 0L);
    }
    long attention = buffer.address();
    boolean rope = request.encoding() instanceof PositionEncoding.Rope;
    buffer
        .put(queries.address(owner))
        .put(request.out().address(owner))
        .put(request.taps().wantsLogSumExp() ? request.taps().logSumExp().address(owner) : 0)
        .put(mass)
        .put(request.taps().wantsHeadMass() ? 1L : 0L)
        .put((long) request.tokens())
        .put((long) request.heads())
        .put(request.firstRow())
        .put(request.scale())
        .put(rope ? (long) ((PositionEncoding.Rope) request.encoding()).layout().ordinal() : ALIBI)
        .put(frequencyAddress)
        .put(rope ? (long) frequencies.length : 0)
        .put(rope ? ((PositionEncoding.Rope) request.encoding()).attentionFactor() : 1.0)
        .put(layout)
        .put(segments)
        .put((long) runs.size())
        .put(request.softCap());
    return attention;
  }

  /** Rows of a kept list that are attended to. */
  private long segmentEnd(int index) {
    return request.plan().segments().get(index).rows().end(0, 0);
  }

  private long bytes() {
    long bytes = KvLayout.BYTES + (long) ATTENTION_WORDS * Long.BYTES;
    bytes += (long) frequencies().length * Double.BYTES;
    for (int i = 0; i < runs.size(); i++) {
      Segment segment = request.plan().segments().get(i);
      bytes += runs.get(i).bytes() + (long) starts.get(i).length * Long.BYTES;
      bytes += (long) segment.headScales().heads() * Double.BYTES;
      bytes += (long) (keyList(segment).length + queryList(segment).length) * Double.BYTES;
      bytes += segment.band() instanceof Band.Tree tree ? flagBytes(tree.allowed()) : 0;
      bytes += (long) SEGMENT_WORDS * Long.BYTES;
    }
    return bytes;
  }

  private static double[] keyList(Segment segment) {
    return segment.keyPositions() instanceof KeyPositions.Listed listed
        ? listed.positions()
        : new double[0];
  }

  private static double[] queryList(Segment segment) {
    return segment.queryPositions() instanceof QueryPositions.Listed listed
        ? listed.positions()
        : new double[0];
  }

  private static long flagBytes(boolean[][] flags) {
    return (long) flags.length * flags.length + Long.BYTES;
  }

  private double[] frequencies() {
    return request.encoding() instanceof PositionEncoding.Rope rope
        ? rope.inverseFrequencies()
        : ((PositionEncoding.Alibi) request.encoding()).slopes();
  }

  /**
   * Runs, where groups begin, mask, head scales and listed positions of a segment; answers their
   * addresses.
   */
  private long[] lists(int index, CallBuffer buffer) {
    Segment segment = request.plan().segments().get(index);
    long list = kept.get(index).map(KeyList::hostAddress).orElse(buffer.address());
    runs.get(index).write(buffer);
    long begins = buffer.address();
    buffer.putAll(starts.get(index), starts.get(index).length);
    long mask = 0;
    if (segment.band() instanceof Band.Tree tree) {
      mask = buffer.address();
      buffer.putFlags(tree.allowed());
    }
    long scales = 0;
    if (!segment.headScales().isNone()) {
      scales = buffer.address();
      for (int h = 0; h < segment.headScales().heads(); h++) {
        buffer.put(segment.headScales().at(h));
      }
    }
    long keys = buffer.address();
    buffer.putAll(keyList(segment));
    long queries = buffer.address();
    buffer.putAll(queryList(segment));
    return new long[] {list, begins, mask, scales, keys, queries};
  }

  private void segment(int index, long[] lists, CallBuffer buffer) {
    Segment segment = request.plan().segments().get(index);
    buffer.put(lists[0]).put(lists[1]).put(starts.get(index).length - 1L);
    keys(segment.keyPositions(), buffer);
    queries(segment.queryPositions(), chosen.get(index), buffer);
    band(segment.band(), lists[2], buffer);
    buffer
        .put(segment.queries().from())
        .put(segment.queries().to())
        .put(lists[3])
        .put(segment.logitScale())
        .put(lists[4])
        .put(
            segment.queryPositions() instanceof QueryPositions.Listed listed
                ? listed.firstRow()
                : 0L)
        .put(lists[5])
        .put(segment.band() instanceof Band.Between between ? between.to() : 0L);
  }

  /** Kind, anchor, first, stride, position. */
  private static void keys(KeyPositions positions, CallBuffer buffer) {
    if (positions instanceof KeyPositions.Contiguous contiguous) {
      buffer.put(CONTIGUOUS).put(0L).put(contiguous.first()).put(1L).put(0.0);
    } else if (positions instanceof KeyPositions.Constant constant) {
      buffer.put(CONSTANT).put(0L).put(0L).put(1L).put(constant.position());
    } else if (positions instanceof KeyPositions.Strided strided) {
      buffer.put(STRIDED).put(strided.anchor()).put(strided.first()).put(strided.stride()).put(0.0);
    } else if (positions instanceof KeyPositions.Listed listed) {
      buffer.put(LISTED).put(listed.firstRow()).put(0L).put(1L).put(0.0);
    } else {
      buffer.put(TRUE).put(0L).put(0L).put(1L).put(0.0);
    }
  }

  /** Number, rows, the place of the first in the list, and how many there may be. */
  private static void chosen(Optional<ChosenRows> rows, CallBuffer buffer) {
    if (rows.isEmpty()) {
      buffer.put(0L).put(0L).put(0L).put(0L);
      return;
    }
    CardChoice choice = (CardChoice) rows.get().choice();
    buffer
        .put(choice.countAddress())
        .put(choice.rowsAddress())
        .put(rows.get().before().count(0))
        .put(choice.most());
  }

  /** Kind, position. */
  private static void queries(
      QueryPositions positions, Optional<ChosenRows> chosen, CallBuffer buffer) {
    if (positions instanceof QueryPositions.Packed packed) {
      if (chosen.isPresent()) {
        buffer.put(PACKED).put((double) (chosen.get().known() - packed.end()));
      } else {
        buffer.put(SHIFTED).put(packed.offset());
      }
    } else if (positions instanceof QueryPositions.Constant constant) {
      buffer.put(CONSTANT).put(constant.position());
    } else if (positions instanceof QueryPositions.Shifted shifted) {
      buffer.put(SHIFTED).put(shifted.offset());
    } else if (positions instanceof QueryPositions.Listed) {
      buffer.put(LISTED).put(0.0);
    } else {
      buffer.put(TRUE).put(0.0);
    }
  }

  /** Kind, width, mask, mask width. */
  private static void band(Band band, long mask, CallBuffer buffer) {
    if (band instanceof Band.Near near) {
      buffer.put(1L).put(near.width()).put(0L).put(0L);
    } else if (band instanceof Band.Far far) {
      buffer.put(2L).put(far.width()).put(0L).put(0L);
    } else if (band instanceof Band.Between between) {
      buffer.put(4L).put(between.from()).put(0L).put(0L);
    } else if (band instanceof Band.Tree tree) {
      buffer.put(3L).put(tree.firstNew()).put(mask).put((long) tree.allowed().length);
    } else {
      buffer.put(0L).put(0L).put(0L).put(0L);
    }
  }
}
