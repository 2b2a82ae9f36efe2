package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF3;
import org.longform.sql.JavaUdfs;

/**
 * A summary, with an options map; for {@code spark.udf.register} and {@code registerJavaFunction}.
 */
public final class SummarizeWithOptions implements UDF3<String, Integer, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, Integer maxWords, Object options) {
    return (String) JavaUdfs.value("summarize", content, maxWords, options);
  }
}
