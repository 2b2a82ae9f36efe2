package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.longform.sql.JavaUdfs;

/**
 * The perplexity of a text, as a detail struct; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class PerplexityDetail implements UDF1<String, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String content) {
    return JavaUdfs.detail("perplexity", content);
  }
}
