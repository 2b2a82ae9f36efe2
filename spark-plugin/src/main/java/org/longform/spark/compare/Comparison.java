package org.longform.spark.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.longform.spark.compare.Cell.Answered;
import org.longform.spark.compare.PositionScores.Bucket;

/**
 * All that was measured, and the figures that are made of it.
 *
 * @param strategies labels of the contenders, in the order in which they were named
 * @param match when an answer is right
 */
public record Comparison(Setup setup, List<String> strategies, Match match, List<Cell> cells) {
  /** Places in a document are told by the nearest quarter. */
  private static final int PLACES = 4;

  public Comparison {
    strategies = List.copyOf(strategies);
    cells = List.copyOf(cells);
  }

  /**
   * What all contenders had in common.
   *
   * @param model its name
   * @param trainedWindow tokens the model was trained to read at once
   * @param together readings that ran at the same time, and so shared the processor
   */
  public record Setup(String model, long trainedWindow, int together) {}

  /**
   * How many answers are right.
   *
   * @param failed questions without an answer because of an error; they are not among the asked
   */
  public record Share(long right, long asked, long failed) {
    /** Empty where no question was answered. */
    public OptionalDouble value() {
      return asked == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) right / asked);
    }
  }

  /** Lengths of documents, the shortest first. */
  public SortedSet<Long> lengths() {
    SortedSet<Long> lengths = new TreeSet<>();
    cells.forEach(cell -> lengths.add(cell.length()));
    return lengths;
  }

  /** Places of facts in documents, from 0 to 1. */
  public SortedSet<Double> depths() {
    SortedSet<Double> depths = new TreeSet<>();
    answers(cell -> true).forEach(each -> place(each).ifPresent(depths::add));
    return depths;
  }

  /** Ends of the buckets of positions, the first first. */
  public SortedSet<Long> positions() {
    SortedSet<Long> ends = new TreeSet<>();
    cells.forEach(cell -> cell.scores().forEach(bucket -> ends.add(bucket.to())));
    return ends;
  }

  public boolean has(Measure measure) {
    return cells.stream().anyMatch(cell -> cell.key().measure() == measure);
  }

  /** Right answers of a strategy to questions about documents of a length. */
  public Share share(String strategy, long length) {
    return share(strategy, length, each -> true);
  }

  /** Right answers to questions about one place in the documents. */
  public Share share(String strategy, long length, double depth) {
    return share(strategy, length, each -> place(each).filter(found -> found == depth).isPresent());
  }

  private Share share(String strategy, long length, Predicate<Answered> which) {
    List<Answered> asked =
        answers(cell -> cell.strategy().equals(strategy) && cell.length() == length)
            .filter(which)
            .toList();
    List<Answered> judged = asked.stream().filter(Answered::judged).toList();
    long right =
        judged.stream().filter(each -> match.accepts(each.expected(), each.value())).count();
    long failed = asked.stream().filter(each -> each.error() != null).count();
    return new Share(right, judged.size(), failed);
  }

  private Stream<Answered> answers(Predicate<Cell> which) {
    return cells.stream().filter(which).flatMap(cell -> cell.answers().stream());
  }

  private static Optional<Double> place(Answered answered) {
    OptionalDouble place = answered.place();
    return place.isPresent()
        ? Optional.of(Math.rint(place.getAsDouble() * PLACES) / PLACES)
        : Optional.empty();
  }

  /**
   * Perplexity over the tokens of a strategy's documents whose position lies in the bucket that
   * ends there; empty if there are none.
   */
  public OptionalDouble perplexityAt(String strategy, long end) {
    return perplexity(
        cells.stream()
            .filter(cell -> cell.strategy().equals(strategy))
            .flatMap(cell -> cell.scores().stream())
            .filter(bucket -> bucket.to() == end)
            .toList());
  }

  /** Perplexity over all tokens of documents of a length. */
  public OptionalDouble perplexity(String strategy, long length) {
    return perplexity(
        of(strategy, length, Measure.PERPLEXITY).flatMap(cell -> cell.scores().stream()).toList());
  }

  private static OptionalDouble perplexity(List<Bucket> buckets) {
    long tokens = buckets.stream().mapToLong(Bucket::tokens).sum();
    double nats = buckets.stream().mapToDouble(Bucket::nats).sum();
    return tokens == 0 ? OptionalDouble.empty() : OptionalDouble.of(Math.exp(nats / tokens));
  }

  /** Mean seconds for a document of a length and its questions. */
  public OptionalDouble seconds(String strategy, long length) {
    return mean(strategy, length, Cell.Usage::seconds);
  }

  /** Mean of the cached tokens attended to in documents of a length. */
  public OptionalDouble attendedTokens(String strategy, long length) {
    return mean(strategy, length, Cell.Usage::attendedTokens);
  }

  /** Over documents that were read, for the answers; for the perplexity where nothing was asked. */
  private OptionalDouble mean(String strategy, long length, ToDoubleFunction<Cell.Usage> value) {
    Measure counted = has(Measure.ANSWERS) ? Measure.ANSWERS : Measure.PERPLEXITY;
    return of(strategy, length, counted)
        .filter(cell -> cell.error() == null)
        .map(Cell::usage)
        .mapToDouble(value)
        .average();
  }

  /** Most bytes of keys and values that any reading of a document of a length held. */
  public OptionalDouble peakKvBytes(String strategy, long length) {
    return Stream.of(Measure.values())
        .flatMap(measure -> of(strategy, length, measure))
        .filter(cell -> cell.error() == null)
        .mapToDouble(cell -> cell.usage().peakKvBytes())
        .max();
  }

  private Stream<Cell> of(String strategy, long length, Measure measure) {
    return cells.stream()
        .filter(
            cell ->
                cell.strategy().equals(strategy)
                    && cell.length() == length
                    && cell.key().measure() == measure);
  }

  /** Cells without a result. */
  public List<Cell> failed() {
    return cells.stream().filter(cell -> cell.error() != null).toList();
  }

  /** Cells of a strategy and length without a result. */
  public long failures(String strategy, long length) {
    return failed().stream()
        .filter(cell -> cell.strategy().equals(strategy) && cell.length() == length)
        .count();
  }

  /** Documents that were read or tried. */
  public long documents() {
    return cells.stream().map(cell -> cell.key().documentHash()).distinct().count();
  }

  /** Questions that each contender was asked. */
  public long questions() {
    List<String> asked = new ArrayList<>();
    cells.stream()
        .filter(cell -> cell.key().measure() == Measure.ANSWERS)
        .forEach(
            cell ->
                cell.answers()
                    .forEach(each -> asked.add(cell.key().documentHash() + each.question())));
    return asked.stream().distinct().count();
  }
}
