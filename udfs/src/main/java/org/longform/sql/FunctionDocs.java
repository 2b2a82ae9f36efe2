package org.longform.sql;

import java.util.Arrays;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.longform.options.RuntimeOptions;

/** Writes FUNCTIONS.md from the list of functions. */
public final class FunctionDocs {
  private static final String PREFIX = RuntimeOptions.SQL_PREFIX.defaultValue().orElseThrow();

  private FunctionDocs() {}

  public static String markdown() {
    StringBuilder page =
        new StringBuilder(
            """
            # SQL functions

            Written from the code; a test compares this page with it and runs every example on the bundled model.

            A NULL document or question gives NULL. A row that fails gives NULL, and its error in the `_detail` form,
            unless `spark.longform.failOnError` is true. Nothing is cut unless `max_input_tokens` asks for it.

            Options are a map of texts, the last argument: `map('max_new_tokens', '40', 'context', 'lm-infinite')`.
            All of them are in [CONFIG.md](../spark-plugin/CONFIG.md). Where `ai_` names are taken,
            `spark.longform.sql.prefix` renames the functions.

            | function | returns |
            |---|---|
            """);
    SqlFunctions.ALL.forEach(function -> addRow(page, function, "the struct below"));
    page.append("\nThe struct of the `_detail` functions:\n\n```\n")
        .append(AnswerSchema.DETAIL.treeString().strip())
        .append(
            """

            ```

            `ai_extract_detail` has the struct as its value, `ai_filter_detail` a BOOLEAN. Behind the evidence
            `ai_classify_detail` and `ai_filter_detail` have `probabilities: map<string,double>`, one for each label, or
            for `true` and `false`.
            """);
    SqlFunctions.ALL.forEach(function -> addChapter(page, function));
    addAggregates(page);
    return page.append(
            """

            ## As Java UDF classes

            Where session extensions cannot be set, the classes of `org.longform.sql.udf` do the same:
            `Gen`, `Summarize`, `Ask`, `Classify`, `Filter`, `Perplexity`, `CountTokens`; `GenWithOptions`,
            `SummarizeWithOptions`, `AskWithOptions`, `ClassifyWithOptions`, `FilterWithOptions` take the options map as
            last argument, and `GenDetail`, `SummarizeDetail`, `AskDetail`, `ClassifyDetail`, `FilterDetail`,
            `PerplexityDetail` return the struct (give its type when registering). `Extract` and `ExtractWithOptions`
            return JSON, for a schema as text; `ExtractLabels` for an array of labels.

            ```python
            spark.udf.registerJavaFunction("ai_ask", "org.longform.sql.udf.Ask", "string")
            ```
            """)
        .toString();
  }

  private static void addAggregates(StringBuilder page) {
    page.append(
        """

        ## Aggregates: a group of rows is one document

        The rows of a group are read one after the other, with an empty line between them, as *one* document of any
        length. They stream from Spark's sorted shuffle into the reader: neither the text of the group nor its rows
        need fit into memory.

        * **Order.** Rows are read by `order_key`, smallest first, NULL before all; rows of equal keys by their text.
          Without a key the text alone decides. So the answer depends on the rows, not on how they lie in partitions.
          Several columns make a key as `struct(a, b)`.
        * **NULL.** Rows with a NULL text are no part of the group. A group without any other row gives NULL, and so
          does an aggregate over no rows.
        * **Rows that cannot be read** (blank ones, for instance) are left out and counted, or end the group with an
          error: option `row_errors`, `skip` or `fail`.
        * **One row** gives the answer that `ai_summarize` or `ai_ask` gives for it.
        * What is asked and the options must be the same for all rows of a group: literals, or made from columns that
          are grouped by.
        * They stand beside other aggregates, in HAVING, with FILTER, under GROUPING SETS. Calls of one query with the
          same text and order key share one reading of the group. DISTINCT, windows and streaming queries are refused.
        * They need the session extension (`spark.plugins` or `spark.sql.extensions`).

        | function | returns |
        |---|---|
        """);
    SqlFunctions.AGGREGATES.forEach(
        function -> addRow(page, function, "the struct of a group, below"));
    page.append(
            """

            `evidence` of the `_agg_detail` functions says for each span which row it is from: `doc` is the order key
            as text (without a key the place of the row), `row` the row's place in the order of reading, from 1;
            `start` and `end` count the characters of that row. Then come how many rows have a text, how many of them
            were left out, and why (the first ten; NULL where the group has an error):

            ```
            """)
        .append(tail())
        .append("\n```\n");
    SqlFunctions.AGGREGATES.forEach(function -> addChapter(page, function));
  }

  /** The fields in which the struct of a group differs. */
  private static String tail() {
    StructType tail = new StructType();
    for (StructField field : AnswerSchema.GROUP_DETAIL.fields()) {
      boolean same = Arrays.asList(AnswerSchema.DETAIL.fields()).contains(field);
      tail = same ? tail : tail.add(field);
    }
    return tail.treeString().strip();
  }

  private static void addRow(StringBuilder page, SqlFunction function, String detail) {
    page.append(
        "| `%s(%s)` | %s |%n"
            .formatted(PREFIX + function.word(), cell(function.arguments()), function.returns()));
    if (!(function instanceof SqlFunction.Direct)) {
      page.append(
          "| `%s_detail(%s)` | %s%s |%n"
              .formatted(
                  PREFIX + function.word(),
                  cell(function.arguments()),
                  detail,
                  function.arguments().contains("array(") ? ", or an array of it" : ""));
    }
  }

  private static void addChapter(StringBuilder page, SqlFunction function) {
    page.append("\n## %s%s%n%n%s%n".formatted(PREFIX, function.word(), function.doc()));
    for (SqlFunction.Example example : function.examples()) {
      page.append("\n```sql\n%s;\n-- %s\n```\n".formatted(example.query(), example.prints()));
    }
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }
}
