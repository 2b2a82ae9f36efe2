package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF3;
import org.longform.sql.JavaUdfs;

/**
 * The answer to a question about a document, with an options map; for {@code spark.udf.register}
 * and {@code registerJavaFunction}.
 */
public final class AskWithOptions implements UDF3<String, String, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, String question, Object options) {
    return (String) JavaUdfs.value("ask", content, question, options);
  }
}
