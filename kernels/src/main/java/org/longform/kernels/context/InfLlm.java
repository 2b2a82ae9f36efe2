package org.longform.kernels.context;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.attention.Band;
import org.longform.kernels.attention.HeadMass;
import org.longform.kernels.attention.KeyPositions;
import org.longform.kernels.attention.QueryPositions;
import org.longform.kernels.attention.Segment;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.cache.Rows;

/**
 * The last L tokens at their true distance; further away, all at distance L-1, the first tokens,
 * those that wait to fill a memory unit, and the memory units that match a block's queries best.
 *
 * <p>Every token stays cached. For each layer it remembers a key for each unit and query head, and
 * how much attention the tokens of the window got.
 */
final class InfLlm implements ContextStrategy {
  static final ContextFactory FACTORY = new InfLlmFactory();

  /** Index of the window's segment in every plan. */
  private static final int LOCAL = 0;

  /**
   * @param size tokens of a unit
   * @param seen units that a block sees
   * @param representatives tokens of a unit whose keys stand for it
   * @param eachHead whether each query head chooses its own units
   */
  record Units(long size, int seen, int representatives, boolean eachHead) {}

  /**
   * @param global tokens at the beginning that are always seen
   * @param local L
   */
  record Settings(long global, long local, Units units, int chunk, int questionChunk) {}

  private final Settings settings;
  private final Map<Integer, MemoryUnits> unitsByLayer = new TreeMap<>();

  InfLlm(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return settings.chunk - (int) (read % settings.chunk);
  }

  @Override
  public int questionChunk() {
    return settings.questionChunk;
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    KvView cache = request.cache();
    int heads = Math.toIntExact(request.queries().shape().rowElements() / cache.headDim());
    MemoryUnits units =
        unitsByLayer.computeIfAbsent(
            request.layer(), layer -> new MemoryUnits(settings.units, settings.global));
    units.beginBlock(cache, heads, request.firstRow() - settings.local);
    List<Segment> segments = new ArrayList<>();
    segments.add(
        Segment.of(
            cache.held().clip(request.firstRow() - settings.local + 1, cache.end()),
            new KeyPositions.True(),
            new QueryPositions.True(),
            new Band.Near(settings.local)));
    long left = cache.end() - settings.local;
    if (left > 0) {
      segments.add(
          Segment.of(
              far(request, units, left),
              new KeyPositions.Constant(0),
              new QueryPositions.Constant(settings.local - 1),
              new Band.Far(settings.local)));
    }
    return new AttentionPlan(segments);
  }

  /**
   * @param left one past the last token that the block's last query sees from afar
   */
  private Rows far(PlanRequest request, MemoryUnits units, long left) {
    Rows.Builder rows = Rows.builder();
    int[][] chosen =
        units.best(
            request.queries(), request.cache().headDim(), request.encoding(), settings.local - 1);
    for (int[] group : chosen) {
      rows.range(0, Math.min(settings.global, left));
      for (int unit : group) {
        long from = settings.global + unit * settings.units.size;
        rows.range(from, from + settings.units.size);
      }
      rows.range(units.end(), left).endGroup();
    }
    return rows.build();
  }

  @Override
  public Optional<HeadMass> watch(int layer) {
    MemoryUnits units = unitsByLayer.get(layer);
    return Optional.of(
        (segment, head, row, mass) -> {
          if (segment == LOCAL && row >= settings.global) {
            units.heard(row, head, mass);
          }
        });
  }

  @Override
  public Rows retain(Rows held, long length) {
    unitsByLayer.values().forEach(MemoryUnits::endBlock);
    return held;
  }

  /** Of each unit a key for every query head. */
  @Override
  public double heapBytesPerToken(int queryWidth) {
    return (double) Float.BYTES * queryWidth / settings.units.size;
  }

  @Override
  public ContextStrategy fork() {
    InfLlm fork = new InfLlm(settings);
    unitsByLayer.forEach((layer, units) -> fork.unitsByLayer.put(layer, units.copy()));
    return fork;
  }
}
