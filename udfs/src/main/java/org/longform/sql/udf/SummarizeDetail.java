package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * A summary, as a detail struct; for {@code spark.udf.register} and {@code registerJavaFunction}.
 */
public final class SummarizeDetail implements UDF2<String, Integer, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String content, Integer maxWords) {
    return JavaUdfs.detail("summarize", content, maxWords);
  }
}
