package org.longform.spark.job;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.longform.spark.compare.Cell;
import org.longform.spark.compare.Measure;

/**
 * How long a comparison still takes, from the readings that were done. Each way to read has a pace
 * of its own, and many slow down with the length, so that tokens per second of short documents say
 * little of the long ones that come last.
 */
final class ComparisonForecast {
  // from reading each token at the same pace to comparing each with all before it
  private static final double LEAST_GROWTH = 1;
  private static final double MOST_GROWTH = 2;
  private static final double NANOS = 1e9;

  private final Map<Way, TreeMap<Long, Mean>> done = new HashMap<>();
  private final LongSupplier nanoTime;
  private final long started;

  // of this run: what tasks spent on readings, one after the other and not side by side
  private double secondsRead;
  private long tokensRead;

  private double secondsOfBatch;
  private double secondsLater;
  private long batchStarted;

  /** What takes about the same time for documents of the same length. */
  private record Way(String configHash, Measure measure) {
    static Way of(Cell.Key key) {
      return new Way(key.configHash(), key.measure());
    }
  }

  /** How long a reading took, of a document that counts for so many tokens. */
  record Took(Cell.Key key, long length, double seconds) {
    private static final StructType COLUMNS = Cell.LAYOUT.columns();

    static Took of(Cell cell) {
      return new Took(cell.key(), cell.length(), cell.usage().seconds());
    }

    /**
     * @param row of {@link Cell#LAYOUT}, as a task made it
     */
    static Took of(Row row) {
      Cell.Key key =
          new Cell.Key(
              row.getString(COLUMNS.fieldIndex("document_hash")),
              row.getString(COLUMNS.fieldIndex("config_hash")),
              Measure.ofWord(row.getString(COLUMNS.fieldIndex("measure"))));
      long millis =
          row.getLong(COLUMNS.fieldIndex("read_ms")) + row.getLong(COLUMNS.fieldIndex("write_ms"));
      return new Took(key, row.getLong(COLUMNS.fieldIndex("length_tokens")), millis / 1000.0);
    }
  }

  private record Mean(double sum, int readings) {
    Mean plus(Mean other) {
      return new Mean(sum + other.sum, readings + other.readings);
    }

    double seconds() {
      return sum / readings;
    }
  }

  /**
   * @param before what an earlier run did
   */
  ComparisonForecast(List<Took> before, LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.started = nanoTime.getAsLong();
    before.forEach(this::learn);
  }

  /**
   * Readings that begin now.
   *
   * @param later those behind them
   */
  void begin(List<PendingCell> batch, List<PendingCell> later) {
    secondsOfBatch = batch.stream().mapToDouble(this::seconds).sum();
    secondsLater = later.stream().mapToDouble(this::seconds).sum();
    batchStarted = nanoTime.getAsLong();
  }

  /** What the readings that were begun came to. */
  void end(List<Took> read) {
    for (Took each : read) {
      learn(each);
      secondsRead += each.seconds();
      tokensRead += each.length();
    }
  }

  /** Empty while nothing was read to learn from. */
  Optional<Duration> left() {
    if (secondsRead == 0 || batchStarted == started) {
      return Optional.empty();
    }
    // readings at the same time, and what is spent between them
    double together = secondsRead / ((batchStarted - started) / NANOS);
    double ofBatch =
        Math.max(0, secondsOfBatch / together - (nanoTime.getAsLong() - batchStarted) / NANOS);
    return Optional.of(Duration.ofSeconds(Math.round(ofBatch + secondsLater / together)));
  }

  private void learn(Took reading) {
    done.computeIfAbsent(Way.of(reading.key()), way -> new TreeMap<>())
        .merge(reading.length(), new Mean(reading.seconds(), 1), Mean::plus);
  }

  private double seconds(PendingCell cell) {
    TreeMap<Long, Mean> known = done.get(Way.of(cell.key()));
    if (known == null) {
      return tokensRead == 0 ? 0 : secondsRead / tokensRead * cell.length();
    }
    Map.Entry<Long, Mean> near = known.floorEntry(cell.length());
    if (near == null) {
      near = known.firstEntry();
    }
    return near.getValue().seconds()
        * Math.pow((double) cell.length() / near.getKey(), growth(known, near));
  }

  /** The power of the length that the time grows with, from the two nearest lengths. */
  private static double growth(TreeMap<Long, Mean> known, Map.Entry<Long, Mean> near) {
    Map.Entry<Long, Mean> before = known.lowerEntry(near.getKey());
    if (before == null || before.getValue().sum() == 0 || near.getValue().sum() == 0) {
      return LEAST_GROWTH;
    }
    double growth =
        Math.log(near.getValue().seconds() / before.getValue().seconds())
            / Math.log((double) near.getKey() / before.getKey());
    return Math.min(MOST_GROWTH, Math.max(LEAST_GROWTH, growth));
  }
}
