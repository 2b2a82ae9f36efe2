package org.longform.spark.job;

import static org.apache.spark.sql.functions.col;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.longform.spark.job.input.Corpora;
import org.longform.spark.job.input.Corpus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Counts the tokens of documents, so that a run can be planned before it is started. */
@Command
final class TokenizeCommand implements Callable<Integer> {
  private static final int DOC_ID = Corpus.DOCUMENT.fieldIndex("doc_id");
  private static final int TEXT = Corpus.DOCUMENT.fieldIndex("text");

  private final CommandContext context;

  @Spec private CommandSpec command;
  @Mixin private InputArguments input;
  @Mixin private SessionArguments session;

  @Option(
      names = "--show",
      defaultValue = "20",
      paramLabel = "<n>",
      order = 14,
      description = "List the so many longest documents. Default: 20.")
  private int show;

  TokenizeCommand(CommandContext context) {
    this.context = context;
  }

  /** Tokens of one document. */
  private record Count(String docId, long characters, long tokens)
      implements java.io.Serializable {}

  @Override
  public Integer call() {
    Map<String, String> options = OptionFlags.given(command.commandLine().getParseResult()).toMap();
    int shown = Arguments.atLeast("--show", show, 0);
    int limit = input.limit();
    context.readers().validate(options);
    try (JobSession open = JobSession.open(session.master())) {
      Dataset<Row> documents = Corpora.open(open.spark(), input.spec()).documents();
      if (limit < Integer.MAX_VALUE) {
        documents = documents.orderBy("source_path", "doc_id").limit(limit);
      }
      long unreadable = documents.filter(col("text").isNull()).count();
      print(counts(documents, options).collect(), unreadable, shown);
    }
    return 0;
  }

  private JavaRDD<Count> counts(Dataset<Row> documents, Map<String, String> options) {
    ReaderSource readers = context.readers();
    return documents
        .javaRDD()
        .filter(row -> !row.isNullAt(TEXT))
        .map(
            row ->
                new Count(
                    row.getString(DOC_ID),
                    row.getString(TEXT).length(),
                    readers.reader(options).countTokens(row.getString(TEXT))));
  }

  private void print(List<Count> counts, long unreadable, int shown) {
    long[] lengths = counts.stream().mapToLong(Count::tokens).sorted().toArray();
    counts.stream()
        .sorted(java.util.Comparator.comparingLong(Count::tokens).reversed())
        .limit(shown)
        .forEach(
            count ->
                context
                    .out()
                    .printf(
                        Locale.ROOT,
                        "%,14d tokens %,14d characters  %s%n",
                        count.tokens(),
                        count.characters(),
                        count.docId()));
    context
        .out()
        .printf(
            Locale.ROOT,
            "%d documents, %,d tokens; shortest %,d, median %,d, longest %,d%n",
            lengths.length,
            Arrays.stream(lengths).sum(),
            lengths.length == 0 ? 0 : lengths[0],
            lengths.length == 0 ? 0 : lengths[lengths.length / 2],
            lengths.length == 0 ? 0 : lengths[lengths.length - 1]);
    if (unreadable > 0) {
      context.out().printf("%d documents have no text or cannot be read%n", unreadable);
    }
  }
}
