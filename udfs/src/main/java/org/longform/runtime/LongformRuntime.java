package org.longform.runtime;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.device.Devices;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.models.LoadedModel;
import org.longform.models.LoadedModels;
import org.longform.models.ModelLocation;
import org.longform.models.ModelRevision;
import org.longform.options.ContextOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.read.DocumentReader;
import org.longform.read.ReadCounters;
import org.longform.read.SequentialReader;

/**
 * The entry to everything below Spark: one per process, with one loaded copy of each model that all
 * tasks share.
 */
public final class LongformRuntime {
  private static final int READERS = 256;
  private static final LongAdder MODEL_LOADS = new LongAdder();
  private static final ReadCounters COUNTERS = new ReadCounters();
  private static final LoadedModels MODELS = new LoadedModels(MODEL_LOADS::increment);
  // rows may bring options of their own, so the number of readers is bounded
  private static final Map<Options, DocumentReader> READERS_BY_OPTIONS =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Options, DocumentReader> eldest) {
          return size() > READERS;
        }
      };

  private static volatile Options processOptions = Options.defaults();
  // one thread for each core of a task: more would take the cores of the tasks beside it
  private static volatile int taskCores = 1;

  private LongformRuntime() {}

  /**
   * Sets what holds for the whole process unless a call says otherwise.
   *
   * @param sparkConf keys that do not begin with {@code spark.longform.} are left
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION for an unknown key
   */
  public static void configure(Map<String, String> sparkConf) {
    processOptions = Options.ofSparkConf(sparkConf);
    taskCores = Integer.parseInt(sparkConf.getOrDefault("spark.task.cpus", "1"));
  }

  /** A reader for options as one call gives them, by SQL key. */
  public static DocumentReader reader(Map<String, String> options) {
    return reader(Options.ofCall(options));
  }

  /**
   * A reader for these options. The model is loaded by the first document, not here.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION or INVALID_MODEL
   */
  public static DocumentReader reader(Options options) {
    Options all = processOptions.and(options);
    synchronized (READERS_BY_OPTIONS) {
      return READERS_BY_OPTIONS.computeIfAbsent(
          all, each -> new SequentialReader(each, () -> model(each), COUNTERS));
    }
  }

  /** The model these options name, loaded if it is not yet. */
  public static LoadedModel model(Options options) {
    Options all = processOptions.and(options);
    return MODELS.get(
        ModelLocation.resolve(all.get(ModelOptions.MODEL)),
        all.get(ModelOptions.DEVICE),
        threads(all));
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
    ModelLocation location = ModelLocation.resolve(all.get(ModelOptions.MODEL));
    DecoderSpec spec = StoredModel.spec(location.path());
    Devices.choose(all.get(ModelOptions.DEVICE));
    ContextStrategies.create(
        all.get(ContextOptions.CONTEXT),
        ContextOptions.parametersOf(all),
        new ModelLimits(spec.trainedWindow(), spec.layers()));
  }

  /**
   * The same options as they may be sent to executors: see {@link ModelLocation#portable}. Call it
   * on the driver, where a relative path is what the user meant.
   */
  public static Options portable(Options options) {
    if (!options.isSet(ModelOptions.MODEL)) {
      return options;
    }
    String model = ModelLocation.portable(options.get(ModelOptions.MODEL));
    return options.with(ModelOptions.MODEL, model, options.sourceOf(ModelOptions.MODEL));
  }

  /**
   * Model revision, method and every option that was set and changes answers, as canonical text.
   */
  public static String describe(Map<String, String> options) {
    Options all = processOptions.and(Options.ofCall(options));
    Map<String, String> relevant = new TreeMap<>(all.toMap());
    relevant.keySet().removeAll(Set.of("device", "threads", "fail_on_error", "sql_prefix"));
    ModelLocation location = ModelLocation.resolve(all.get(ModelOptions.MODEL));
    relevant.put("context", all.get(ContextOptions.CONTEXT));
    relevant.put("model", location.name());
    relevant.put("model_revision", ModelRevision.of(location.path()));
    return relevant.toString();
  }

  public static RuntimeStats stats() {
    return RuntimeStats.of(MODEL_LOADS.sum(), COUNTERS);
  }

  /** Frees all models. Documents being read end first; later calls load again. */
  public static void shutdown() {
    synchronized (READERS_BY_OPTIONS) {
      READERS_BY_OPTIONS.clear();
    }
    MODELS.close();
  }

  private static int threads(Options options) {
    int threads = options.get(ModelOptions.THREADS);
    return threads > 0 ? threads : taskCores;
  }
}
