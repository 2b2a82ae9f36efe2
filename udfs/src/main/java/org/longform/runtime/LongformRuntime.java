package org.longform.runtime;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.longform.decoding.DecodingStrategies;
import org.longform.decoding.DecodingStrategy;
import org.longform.kernels.context.ContextChoice;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.TextTokens;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.memo.RecentlyUsed;
import org.longform.models.FurtherModels;
import org.longform.models.LoadedModel;
import org.longform.models.LoadedModels;
import org.longform.models.ModelLocation;
import org.longform.models.ModelLocations;
import org.longform.models.ModelRevision;
import org.longform.options.AllOptions;
import org.longform.options.CacheOptions;
import org.longform.options.ContextOptions;
import org.longform.options.DecodingOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.options.ReadingOptions;
import org.longform.read.Answer;
import org.longform.read.Ask;
import org.longform.read.DocumentReader;
import org.longform.read.DocumentSource;
import org.longform.read.ReadCounters;
import org.longform.read.ReadListener;
import org.longform.read.ReadingKey;
import org.longform.read.RowClock;
import org.longform.read.SequentialReader;

/**
 * The entry to everything below Spark: one per process, with one loaded copy of each model that all
 * tasks share.
 */
public final class LongformRuntime {
  private static final int READERS = 256;
  private static final LongAdder MODEL_LOADS = new LongAdder();
  private static final ReadCounters COUNTERS = new ReadCounters();
  private static final LongAdder MODEL_LOAD_NANOS = new LongAdder();
  private static final LoadedModels MODELS = new LoadedModels(LongformRuntime::modelLoaded);
  // rows may bring options of their own, so the number of readers is bounded
  private static final Map<Options, SequentialReader> READERS_BY_OPTIONS =
      new RecentlyUsed<>(READERS);

  private static final KvMemories KV_MEMORIES = new KvMemories();
  private static final NamedModels NAMED = new NamedModels();

  private static volatile Options processOptions = Options.defaults();
  private static volatile ProcessCores cores = ProcessCores.of(Map.of());

  private LongformRuntime() {}

  /**
   * Sets what holds for the whole process unless a call says otherwise.
   *
   * @param sparkConf keys that do not begin with {@code spark.longform.} are left
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION for an unknown key
   */
  public static void configure(Map<String, String> sparkConf) {
    processOptions = Options.ofSparkConf(sparkConf);
    cores = ProcessCores.of(sparkConf);
    KV_MEMORIES.configure(sparkConf);
  }

  /**
   * Whether this process has the memory for what it is told to do. To be called when it starts,
   * before Spark sends it work.
   *
   * @param settings as given to {@link #configure}
   * @return what will go wrong, if anything
   * @throws LongformException INVALID_OPTION if the process would be killed
   */
  public static Optional<String> checkMemory(Map<String, String> settings) {
    Options all = processOptions;
    return ProcessMemory.of(settings).check(KV_MEMORIES.processShare(all), NAMED.bytesHere(all));
  }

  /**
   * The models that read with these options, that which writes first. None is loaded.
   *
   * @throws LongformException INVALID_OPTION or INVALID_MODEL
   */
  public static List<ReadingModel> readingModels(Options options) {
    Options all = processOptions.and(options);
    List<ReadingModel> models = new ArrayList<>();
    models.add(readingModel(all, NAMED.locate(all)));
    NAMED.locateSecond(all).ifPresent(second -> models.add(readingModel(all, second)));
    return models;
  }

  private static ReadingModel readingModel(Options all, ModelLocation location) {
    DecoderSpec spec = location.spec();
    return new ReadingModel(
        location,
        spec,
        ContextChoice.of(
            all.get(ContextOptions.CONTEXT),
            ContextOptions.parametersOf(all),
            spec.limits(),
            TextTokens.ESTIMATE),
        CacheOptions.dtypeOf(all));
  }

  /** Bytes that the keys and values of all documents may take in the memory of a device. */
  public static long kvBudgetBytes(Options options) {
    return KV_MEMORIES.budgetBytes(processOptions.and(options));
  }

  /** Bytes of a process's memory for those that a card has no room for; 0 on other devices. */
  public static long kvPinnedBytes(Options options) {
    return KV_MEMORIES.pinnedBytes(processOptions.and(options));
  }

  /** A reader for options as one call gives them, by SQL key. */
  public static DocumentReader reader(Map<String, String> options) {
    return reader(Options.ofCall(options));
  }

  /** What a call gives, and what holds for the process where the call says nothing. */
  public static Options complete(Options options) {
    return processOptions.and(options);
  }

  /**
   * A reader for these options. The model is loaded by the first document, not here.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION or INVALID_MODEL
   */
  public static DocumentReader reader(Options options) {
    return sequentialReader(processOptions.and(options));
  }

  /**
   * Several things asked of one document: what can be answered from one reading is.
   *
   * @param asks with the options of their calls
   * @return for each the answers to its questions; failures are data
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION
   */
  public static List<List<Answer>> readTogether(
      String text, List<Ask> asks, ReadListener listener) {
    return readTogether(DocumentSource.of(text, RowKey.of(text)), asks, listener);
  }

  /** As {@link #readTogether(String, List, ReadListener)}, wherever the document comes from. */
  public static List<List<Answer>> readTogether(
      DocumentSource source, List<Ask> asks, ReadListener listener) {
    Map<ReadingKey, List<Integer>> groups = new LinkedHashMap<>();
    List<Ask> complete = new ArrayList<>();
    for (Ask ask : asks) {
      Ask whole = new Ask(ask.task(), ask.questions(), processOptions.and(ask.options()));
      groups.computeIfAbsent(ReadingKey.of(whole), key -> new ArrayList<>()).add(complete.size());
      complete.add(whole);
    }
    RowClock clock = new RowClock();
    if (groups.size() > 1) {
      source.keep();
    }
    List<List<Answer>> answers = new ArrayList<>(Collections.nCopies(asks.size(), null));
    for (List<Integer> group : groups.values()) {
      List<Ask> members = group.stream().map(complete::get).toList();
      List<List<Answer>> given =
          sequentialReader(members.get(0).options()).read(source, members, listener, clock);
      for (int i = 0; i < group.size(); i++) {
        answers.set(group.get(i), given.get(i));
      }
    }
    return answers;
  }

  private static SequentialReader sequentialReader(Options all) {
    synchronized (READERS_BY_OPTIONS) {
      return READERS_BY_OPTIONS.computeIfAbsent(
          all,
          each ->
              new SequentialReader(
                  each,
                  cancelled -> model(each, cancelled),
                  furtherModels(each),
                  KV_MEMORIES.of(each),
                  COUNTERS));
    }
  }

  /** The model these options name, loaded if it is not yet. */
  public static LoadedModel model(Options options) {
    return model(options, () -> false);
  }

  private static LoadedModel model(Options options, BooleanSupplier cancelled) {
    Options all = processOptions.and(options);
    DeviceProvider device = Devices.choose(all.get(ModelOptions.DEVICE));
    return MODELS.get(NAMED.locate(all), device, threads(all, device), cancelled);
  }

  /**
   * Where the model of these options is; nothing of it is read.
   *
   * @throws LongformException INVALID_MODEL or INVALID_OPTION
   */
  public static ModelLocation location(Options options) {
    return NAMED.locate(processOptions.and(options));
  }

  /** Models beside the one that writes: found, allowed and loaded as that one. */
  private static FurtherModels furtherModels(Options all) {
    return new FurtherModels() {
      @Override
      public LoadedModel load(String name, BooleanSupplier cancelled) {
        DeviceProvider device = Devices.choose(all.get(ModelOptions.DEVICE));
        return MODELS.get(NAMED.locate(all, name), device, threads(all, device), cancelled);
      }

      @Override
      public Path files(String name) {
        return NAMED.locate(all, name).path();
      }
    };
  }

  /**
   * Checks everything that can be checked without loading weights: that the model is there and its
   * config is understood, that the device works here, that the context takes its parameters.
   *
   * @throws org.longform.kernels.error.LongformException with a sentence saying what is wrong
   */
  public static void validate(Map<String, String> options) {
    validate(Options.ofCall(options));
  }

  /** As {@link #validate(Map)}, for options that know who set them. */
  public static void validate(Options options) {
    Options all = processOptions.and(options);
    ModelLocation location = NAMED.locate(all);
    DecoderSpec spec = location.spec();
    Devices.choose(all.get(ModelOptions.DEVICE));
    ModelLimits limits = spec.limits();
    ReadingOptions.valuesOf(all, limits);
    String context = all.get(ContextOptions.CONTEXT);
    ContextStrategy strategy =
        ContextStrategies.create(context, ContextOptions.parametersOf(all), limits);
    if (ReadingOptions.strategy(all).asksItself()) {
      return;
    }
    DecodingStrategy decoding = DecodingStrategies.byName(all.get(DecodingOptions.DECODING));
    Map<String, String> parameters = DecodingOptions.parametersOf(all);
    DecodingStrategies.values(decoding, parameters, limits);
    DecodingStrategies.requireFits(decoding, context, strategy);
    for (String model : decoding.models()) {
      NAMED.locate(all, DecodingStrategies.requireModel(decoding, model, parameters));
    }
  }

  /**
   * Tokens that the model of these options was trained to read at once; the model is not loaded.
   */
  public static long trainedWindow(Map<String, String> options) {
    Options all = processOptions.and(Options.ofCall(options));
    return NAMED.locate(all).spec().trainedWindow();
  }

  /**
   * The same options as they may be sent to executors: see {@link ModelLocations#portable}. Call it
   * on the driver, where a relative path is what the user meant.
   *
   * @throws LongformException INVALID_MODEL if the hub has no such model, INVALID_OPTION if it is
   *     not allowed
   */
  public static Options portable(Options options) {
    return NAMED.portable(options, processOptions.and(options));
  }

  /** A model's name as every process of the application may use it. */
  public static String portableName(String name) {
    return NAMED.portable(name, processOptions);
  }

  /**
   * Lets the driver say which commit a name of the hub means.
   *
   * @param names what {@link #portableName} says there; null to ask the hub from here
   */
  public static void pinModelsBy(UnaryOperator<String> names) {
    NAMED.pinBy(names);
  }

  /** Where the files of a model are, copied to this machine if need be. */
  public static ModelLocation find(String model) {
    return NAMED.locate(processOptions, model);
  }

  /**
   * Model revision, method and every option that was set and changes answers, as canonical text.
   */
  public static String describe(Map<String, String> options) {
    Options all = processOptions.and(Options.ofCall(options));
    Map<String, String> relevant = new TreeMap<>(all.toMap());
    relevant.keySet().removeAll(AllOptions.OF_THE_RUN);
    ModelLocation location = NAMED.locate(all);
    relevant.put("context", all.get(ContextOptions.CONTEXT));
    relevant.put("model", location.name());
    relevant.put("model_revision", ModelRevision.of(location));
    return relevant.toString();
  }

  /** The version of the model these options name, as its files are now. */
  public static String modelRevision(Map<String, String> options) {
    Options all = processOptions.and(Options.ofCall(options));
    return ModelRevision.current(NAMED.locate(all));
  }

  /**
   * Makes sure that this process would read with the same model as the one that began the job.
   *
   * @param revision what {@link #modelRevision} said there
   * @throws LongformException INVALID_MODEL if the files are others, or not there
   */
  public static void requireModelRevision(Map<String, String> options, String revision) {
    String found = modelRevision(options);
    if (!found.equals(revision)) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot use model '%s': its files are of revision %s here, but of %s where the job began. Give every node the same files, leave them alone while a job runs, and run it again."
              .formatted(
                  processOptions.and(Options.ofCall(options)).get(ModelOptions.MODEL),
                  found,
                  revision));
    }
  }

  /**
   * How documents would be read with these options, on one line and without loading the model: what
   * EXPLAIN shows.
   */
  public static String explain(Options options) {
    Options all = processOptions.and(options);
    try {
      return new Explanation(all, readingModels(all)).text();
    } catch (LongformException e) {
      return "fails: " + e.getMessage();
    }
  }

  private static void modelLoaded(long nanos) {
    MODEL_LOADS.increment();
    MODEL_LOAD_NANOS.add(nanos);
  }

  /** So many answers were known already, so that nothing was read for them. */
  public static void answersReused(int answers) {
    COUNTERS.answersReused(answers);
  }

  public static RuntimeStats stats() {
    return RuntimeStats.of(MODEL_LOADS.sum(), MODEL_LOAD_NANOS.sum(), COUNTERS, KV_MEMORIES);
  }

  /** Frees all models. Documents being read end first; later calls load again. */
  public static void shutdown() {
    synchronized (READERS_BY_OPTIONS) {
      READERS_BY_OPTIONS.clear();
    }
    MODELS.close();
  }

  /** Threads these options open a device with. */
  public static int threads(Options options, DeviceProvider device) {
    int threads = processOptions.and(options).get(ModelOptions.THREADS);
    return threads > 0 ? threads : device.defaultThreads(cores.task(), cores.process());
  }
}
