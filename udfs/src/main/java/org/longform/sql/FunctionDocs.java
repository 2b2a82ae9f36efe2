package org.longform.sql;

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
    for (SqlFunction function : SqlFunctions.ALL) {
      page.append(
          "| `%s(%s)` | %s |%n"
              .formatted(PREFIX + function.word(), cell(function.arguments()), returns(function)));
      if (!(function instanceof SqlFunction.Direct)) {
        page.append(
            "| `%s_detail(%s)` | the struct below%s |%n"
                .formatted(
                    PREFIX + function.word(),
                    cell(function.arguments()),
                    function instanceof AskFunction ? ", or an array of it" : ""));
      }
    }
    page.append("\nThe struct of the `_detail` functions:\n\n```\n")
        .append(AnswerSchema.DETAIL.treeString().strip())
        .append("\n```\n");
    for (SqlFunction function : SqlFunctions.ALL) {
      page.append("\n## %s%s%n%n%s%n".formatted(PREFIX, function.word(), function.doc()));
      for (SqlFunction.Example example : function.examples()) {
        page.append("\n```sql\n%s;\n-- %s\n```\n".formatted(example.query(), example.prints()));
      }
    }
    return page.append(
            """

            ## As Java UDF classes

            Where session extensions cannot be set, the classes of `org.longform.sql.udf` do the same:
            `Gen`, `Summarize`, `Ask`, `Perplexity`, `CountTokens`; `GenWithOptions`, `SummarizeWithOptions`,
            `AskWithOptions` take the options map as last argument, and `GenDetail`, `SummarizeDetail`, `AskDetail`,
            `PerplexityDetail` return the struct (give its type when registering).

            ```python
            spark.udf.registerJavaFunction("ai_ask", "org.longform.sql.udf.Ask", "string")
            ```
            """)
        .toString();
  }

  private static String cell(String text) {
    return text.replace("|", "\\|");
  }

  private static String returns(SqlFunction function) {
    return switch (function.word()) {
      case "ask" -> "STRING, or ARRAY<STRING> for an array of questions";
      case "perplexity" -> "DOUBLE";
      case "count_tokens" -> "INT";
      default -> "STRING";
    };
  }
}
