package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * The answer to a question about a document, as a detail struct; for {@code spark.udf.register} and
 * {@code registerJavaFunction}.
 */
public final class AskDetail implements UDF2<String, String, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String content, String question) {
    return JavaUdfs.detail("ask", content, question);
  }
}
