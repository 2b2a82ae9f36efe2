package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/** A summary; for {@code spark.udf.register} and {@code registerJavaFunction}. */
public final class Summarize implements UDF2<String, Integer, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, Integer maxWords) {
    return (String) JavaUdfs.value("summarize", content, maxWords);
  }
}
