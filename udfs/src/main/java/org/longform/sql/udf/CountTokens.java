package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF1;
import org.longform.sql.JavaUdfs;

/**
 * The number of tokens of a text; for {@code spark.udf.register} and {@code registerJavaFunction}.
 */
public final class CountTokens implements UDF1<String, Integer> {
  private static final long serialVersionUID = 1L;

  @Override
  public Integer call(String content) {
    return (Integer) JavaUdfs.value("count_tokens", content);
  }
}
