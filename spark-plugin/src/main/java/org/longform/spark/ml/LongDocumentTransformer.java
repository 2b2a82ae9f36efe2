package org.longform.spark.ml;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.longform.options.ContextOptions;
import org.longform.options.GenerationOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.PromptOptions;
import org.longform.spark.conf.OptionParams;
import org.longform.spark.plan.PlanReading;
import org.longform.sql.SqlFunctions;

/**
 * A Spark ML stage that reads one document per row, of any length, and adds what the model wrote.
 *
 * <pre>{@code
 * new LongDocumentTransformer()
 *     .setInputCol("body")
 *     .setTask("ask")
 *     .setQuestion("Which organism was studied?")
 *     .setOutputCol("organism")
 *     .transform(articles)
 * }</pre>
 *
 * It adds {@code outputCol} (STRING; DOUBLE for task {@code perplexity}, BOOLEAN for {@code
 * filter}, STRUCT for {@code extract}), {@code errorCol} (STRUCT of class and message, NULL where
 * the row was answered) and, if named, {@code detailCol} (the struct of the {@code _detail} SQL
 * functions). A NULL document gives NULL. A row that fails gives NULL and its error, unless option
 * {@code fail_on_error} is set.
 *
 * <p>Every option of a SQL function is a parameter here; {@link #setOption} sets any of them by any
 * of its spellings. What is not set comes from the Spark configuration. {@code save} keeps the
 * model's name, not its weights.
 */
public final class LongDocumentTransformer extends Transformer implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final StageParams own;
  private final OptionParams options;

  public LongDocumentTransformer() {
    this(Identifiable$.MODULE$.randomUID("longform"));
  }

  /**
   * @param uid the stage's identity; Spark ML calls this when it copies or loads a stage
   */
  public LongDocumentTransformer(String uid) {
    this.uid = uid;
    this.own = new StageParams(this);
    this.options = new OptionParams(uid);
    setDefault(own.outputCol(), uid + "__output");
  }

  /** Reads a stage that was saved. */
  public static LongDocumentTransformer load(String path) {
    return read().load(path);
  }

  /** Reader of saved stages; a saved pipeline finds it by this name. */
  public static MLReader<LongDocumentTransformer> read() {
    return new DefaultParamsReader<>();
  }

  @Override
  public String uid() {
    return uid;
  }

  /** Own parameters and one for each option; Spark ML would look for public getters instead. */
  @Override
  public Param<?>[] params() {
    return options.after(own.all());
  }

  @Override
  public LongDocumentTransformer copy(ParamMap extra) {
    return (LongDocumentTransformer) defaultCopy(extra);
  }

  /** The column that holds the document, STRING. */
  public LongDocumentTransformer setInputCol(String column) {
    return with(own.inputCol(), column);
  }

  /** The column to add; named after the stage if not set. */
  public LongDocumentTransformer setOutputCol(String column) {
    return with(own.outputCol(), column);
  }

  /** The column to add for errors; {@code <outputCol>_error} if not set. */
  public LongDocumentTransformer setErrorCol(String column) {
    return with(own.errorCol(), column);
  }

  /** The column to add for all that is known of an answer; not added if not set. */
  public LongDocumentTransformer setDetailCol(String column) {
    return with(own.detailCol(), column);
  }

  /**
   * @param word summarize, ask, classify, extract, filter, generate or perplexity; if not set it
   *     follows from schema, question and promptTemplate, else it is summarize
   */
  public LongDocumentTransformer setTask(String word) {
    return with(own.task(), word);
  }

  /**
   * What is asked of each document, for task filter the condition; {@code {column}} stands for the
   * row's value.
   */
  public LongDocumentTransformer setQuestion(String question) {
    return with(own.question(), question);
  }

  /** What task classify chooses from, or the fields that task extract fills. */
  public LongDocumentTransformer setLabels(String... labels) {
    return with(own.labels(), labels);
  }

  /** JSON schema of what task extract takes out of each document. */
  public LongDocumentTransformer setSchema(String schema) {
    return with(own.schema(), schema);
  }

  /** The whole prompt of task generate; {@code {column}} stands for the row's value. */
  public LongDocumentTransformer setPromptTemplate(String template) {
    return with(own.promptTemplate(), template);
  }

  public LongDocumentTransformer setModel(String model) {
    return with(ModelOptions.MODEL, model);
  }

  public LongDocumentTransformer setContext(String strategy) {
    setOption(ContextOptions.CONTEXT.sqlKey(), strategy);
    return this;
  }

  public LongDocumentTransformer setSystemPrompt(String text) {
    return with(PromptOptions.SYSTEM_PROMPT, text);
  }

  public LongDocumentTransformer setMaxWords(int words) {
    return with(PromptOptions.MAX_WORDS, words);
  }

  public LongDocumentTransformer setMaxNewTokens(int tokens) {
    return with(GenerationOptions.MAX_NEW_TOKENS, tokens);
  }

  public LongDocumentTransformer setTemperature(double temperature) {
    return with(GenerationOptions.TEMPERATURE, temperature);
  }

  public LongDocumentTransformer setTopP(double share) {
    return with(GenerationOptions.TOP_P, share);
  }

  public LongDocumentTransformer setTopK(int tokens) {
    return with(GenerationOptions.TOP_K, tokens);
  }

  public LongDocumentTransformer setSeed(long seed) {
    return with(GenerationOptions.SEED, seed);
  }

  /**
   * Sets any option as a SQL option map would: {@code setOption("local_size", "4096")}.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_OPTION for an unknown key, naming
   *     the nearest known ones, or for a value that does not fit
   */
  public LongDocumentTransformer setOption(String key, String value) {
    options.set(this, key, value);
    return this;
  }

  /** Sets several options; see {@link #setOption}. */
  public LongDocumentTransformer setOptions(Map<String, String> values) {
    values.forEach(this::setOption);
    return this;
  }

  /** What was set of the options, by SQL key. */
  public Map<String, String> getOptions() {
    return options.texts(this);
  }

  public String getOutputCol() {
    return getOrDefault(own.outputCol());
  }

  public String getErrorCol() {
    return isDefined(own.errorCol()) ? getOrDefault(own.errorCol()) : getOutputCol() + "_error";
  }

  /**
   * The schema with the added columns. Checks everything that can be checked without reading: names
   * and types of columns, holes, options, the model.
   *
   * @throws org.longform.kernels.error.LongformException with a sentence for the first thing found
   */
  @Override
  public StructType transformSchema(StructType schema) {
    return plan(schema).outputSchema();
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    ReadPlan plan = plan(dataset.schema());
    PlanReading.ensure(dataset.sparkSession());
    String function = SqlFunctions.forStages(dataset.sparkSession(), plan.function());
    String struct = uid + "__answer";
    Dataset<Row> answered =
        dataset.withColumn(
            struct, functions.call_function(function, plan.arguments().toArray(Column[]::new)));
    Map<String, Column> columns = new LinkedHashMap<>();
    for (ReadPlan.Added column : plan.added()) {
      columns.put(column.name(), column.of().apply(answered.col(struct)));
    }
    return answered.withColumns(columns).drop(struct);
  }

  private ReadPlan plan(StructType schema) {
    return ReadPlan.of(own.of(this), options.texts(this), schema);
  }

  private <T> LongDocumentTransformer with(Param<T> param, T value) {
    set(param, value);
    return this;
  }

  private <T> LongDocumentTransformer with(Option<T> option, T value) {
    return with(options.of(option), value);
  }
}
