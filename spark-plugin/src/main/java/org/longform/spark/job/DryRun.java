package org.longform.spark.job;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.device.reference.ReferenceDevice;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.models.LoadedModel;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.GenerationOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.options.PromptOptions;
import org.longform.options.ReadingOptions;
import org.longform.prompt.Task;
import org.longform.runtime.LongformRuntime;
import org.longform.runtime.ReadingModel;
import org.longform.spark.job.input.Corpora;
import org.longform.spark.job.input.Corpus;
import org.longform.spark.sink.AnswerTable;
import scala.Tuple2;

/**
 * Finds out what a job would take: looks at the input and the table, counts tokens, and measures
 * how fast this machine is. Nothing is read by the model but the probe, and nothing is written.
 */
final class DryRun {
  private static final int CONTENT_HASH = Corpus.DOCUMENT.fieldIndex("content_hash");
  private static final int TEXT = Corpus.DOCUMENT.fieldIndex("text");
  // a device that nobody chose must not fill the memory with a second form of the weights
  private static final long MOST_BYTES_TO_TRY = 1L << 30;

  private final SparkSession spark;
  private final ReaderSource readers;

  DryRun(SparkSession spark, ReaderSource readers) {
    this.spark = spark;
    this.readers = readers;
  }

  Forecast forecast(JobRequest request) {
    readers.validate(request.options());
    Options options = Options.ofCall(request.options());
    requireOneReading(LongformRuntime.complete(options));
    Corpus corpus = Corpora.open(spark, request.input());
    String configHash = ReadingJob.sha256(readers.describe(request.options()));
    Dataset<Row> ofTask =
        AnswerTable.rowsAt(spark, request.output())
            .filter(col("task").equalTo(request.task().word()));
    Dataset<Row> existing = ofTask.filter(col("config_hash").equalTo(configHash));
    long rowsBefore = existing.count();
    List<List<PendingDocument>> batches = new ArrayList<>();
    try (WorkIndex index = WorkIndex.of(request, corpus, existing)) {
      Iterator<List<PendingDocument>> each = index.batches(request.batching().documents());
      while (each.hasNext()) {
        batches.add(each.next());
      }
    }
    LoadedModel model = LongformRuntime.model(options);
    Options complete = model.generationConfig().defaults().and(options);
    List<ReadingModel> models = LongformRuntime.readingModels(complete);
    List<Forecast.Document> documents = documents(corpus, batches, request, complete, models);
    return new Forecast(
        documents,
        rowsBefore,
        tasks(batches),
        batches.size(),
        new Forecast.Memory(
            model.location().name(),
            model.decoder().mappedBytes() + model.decoder().ownedBytes(),
            models.stream()
                .skip(1)
                .map(
                    each ->
                        new Forecast.SecondModel(each.location().name(), each.location().bytes()))
                .toList(),
            complete.get(ContextOptions.CONTEXT),
            complete.get(CacheOptions.KV_DTYPE),
            models.stream().mapToLong(ReadingModel::kvBytesPerToken).sum(),
            LongformRuntime.kvBudgetBytes(options),
            LongformRuntime.kvPinnedBytes(options)),
        writing(request, complete, ofTask),
        new Forecast.Cluster(executors(), Math.max(1, slots() / executors())),
        probes(
            options,
            model,
            documents.stream().mapToLong(Forecast.Document::tokens).max().orElse(0)));
  }

  /** The probe reads on from where it is: it knows nothing of readings that come back. */
  private static void requireOneReading(Options options) {
    String reading = options.get(ReadingOptions.READING);
    if (ReadingOptions.strategy(options).readsForQuestion()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot plan a job with reading '%s': it reads a document once for each question, and how long that takes is not measured beforehand. Plan it with reading 'sequential', or run it on a few documents."
              .formatted(reading));
    }
  }

  private List<Forecast.Document> documents(
      Corpus corpus,
      List<List<PendingDocument>> batches,
      JobRequest request,
      Options options,
      List<ReadingModel> models) {
    Map<String, Long> tokens = tokens(corpus, batches, request.options());
    long limit = options.find(PromptOptions.MAX_INPUT_TOKENS).orElse(Long.MAX_VALUE);
    long written = mostTokens(request, options);
    List<Forecast.Document> documents = new ArrayList<>();
    for (List<PendingDocument> batch : batches) {
      for (PendingDocument pending : batch) {
        // a document without a text has no tokens: it gets a row that says so
        long length = Math.min(limit, tokens.getOrDefault(pending.contentHash(), 0L));
        long most = length + written;
        documents.add(
            new Forecast.Document(
                length,
                pending.questions().size(),
                models.stream()
                    .mapToLong(model -> model.tokensHeld(most) * model.kvBytesPerToken())
                    .sum(),
                models.stream().mapToLong(model -> most * model.heapBytesPerToken()).sum()));
      }
    }
    return documents;
  }

  private static long mostTokens(JobRequest request, Options options) {
    return request.task() == Task.PERPLEXITY || request.task().chooses()
        ? 0
        : options.get(GenerationOptions.MAX_NEW_TOKENS);
  }

  /** How long answers may be, and how long those were that the same task wrote before. */
  private static Forecast.Writing writing(
      JobRequest request, Options options, Dataset<Row> ofTask) {
    Row mean = ofTask.filter(col("error").isNull()).agg(avg("output_tokens")).head();
    return new Forecast.Writing(
        mostTokens(request, options),
        mean.isNullAt(0) ? OptionalDouble.empty() : OptionalDouble.of(mean.getDouble(0)));
  }

  /** Tokens of the texts that are still to be read, by their hash. */
  private Map<String, Long> tokens(
      Corpus corpus, List<List<PendingDocument>> batches, Map<String, String> options) {
    HashSet<String> hashes = new HashSet<>();
    Set<String> files = new HashSet<>();
    batches.forEach(
        batch ->
            batch.forEach(
                document -> {
                  hashes.add(document.contentHash());
                  files.add(document.sourcePath());
                }));
    if (hashes.isEmpty()) {
      return Map.of();
    }
    Broadcast<HashSet<String>> wanted =
        JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(hashes);
    ReaderSource source = readers;
    Map<String, String> serializable = new HashMap<>(options);
    return new HashMap<>(
        corpus
            .documentsOf(files)
            .javaRDD()
            .filter(
                row -> !row.isNullAt(TEXT) && wanted.value().contains(row.getString(CONTENT_HASH)))
            .mapToPair(
                row ->
                    new Tuple2<>(
                        row.getString(CONTENT_HASH),
                        source.reader(serializable).countTokens(row.getString(TEXT))))
            .reduceByKey((one, other) -> one)
            .collectAsMap());
  }

  private int tasks(List<List<PendingDocument>> batches) {
    return batches.stream().mapToInt(batch -> BatchReading.tasks(batch, slots()).size()).sum();
  }

  private int slots() {
    return spark.sparkContext().defaultParallelism();
  }

  /** Executor processes; in local mode the driver is the one. */
  private int executors() {
    return Math.max(1, spark.sparkContext().statusTracker().getExecutorInfos().length - 1);
  }

  private static List<SpeedProbe> probes(Options options, LoadedModel model, long longest) {
    List<SpeedProbe> probes = new ArrayList<>();
    for (DeviceProvider device : Devices.ALL) {
      boolean chosen = device.name().equals(model.device());
      boolean tried =
          !options.isSet(ModelOptions.DEVICE)
              && !(device instanceof ReferenceDevice) // slow by intent: others are compared with it
              && device.whyUnavailable().isEmpty()
              && model.decoder().mappedBytes() <= MOST_BYTES_TO_TRY;
      if (chosen || tried) {
        probes.add(SpeedProbe.of(device, options, longest));
      }
    }
    return probes;
  }
}
