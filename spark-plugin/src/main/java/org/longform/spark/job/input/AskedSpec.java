package org.longform.spark.job.input;

/**
 * Where documents with questions and expected answers are, and how to read them.
 *
 * @param paths directory, file, glob or Delta table; several with commas between
 * @param textColumn column with the text, in tables and JSON
 * @param idColumn column with the document's name; empty for {@code doc_id} if there is one
 * @param questionsColumn column with an array of structs with {@code question}, {@code answer} and
 *     perhaps {@code depth}; empty for {@code questions} if there is one
 * @param questionColumn column with one question, in tables with a row for each; empty for {@code
 *     question} if there is one
 * @param answerColumn column with the expected answer to it; empty for {@code answer} if there is
 *     one
 */
public record AskedSpec(
    String paths,
    InputFormat format,
    String textColumn,
    String idColumn,
    String questionsColumn,
    String questionColumn,
    String answerColumn) {

  /** Everything where it usually is. */
  public static AskedSpec of(String paths) {
    return new AskedSpec(paths, InputFormat.AUTO, InputSpec.DEFAULT_TEXT_COLUMN, "", "", "", "");
  }
}
