package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * The answer to a question about a document; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class Ask implements UDF2<String, String, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, String question) {
    return (String) JavaUdfs.value("ask", content, question);
  }
}
