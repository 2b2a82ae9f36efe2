package org.longform.spark.job.input;

/**
 * Where documents are and how to read them.
 *
 * @param paths directory, file, glob or Delta table; several with commas between
 * @param textColumn column with the text, in tables and JSON
 * @param idColumn column with the document's name; empty for {@code doc_id} if there is one
 * @param questionsColumn column with the documents' own questions; empty for none
 */
public record InputSpec(
    String paths, InputFormat format, String textColumn, String idColumn, String questionsColumn) {
  public static final String DEFAULT_TEXT_COLUMN = "text";

  /** Texts and ids where they usually are, formats by the endings of files. */
  public static InputSpec of(String paths) {
    return new InputSpec(paths, InputFormat.AUTO, DEFAULT_TEXT_COLUMN, "", "");
  }

  public InputSpec withQuestionsColumn(String column) {
    return new InputSpec(paths, format, textColumn, idColumn, column);
  }
}
