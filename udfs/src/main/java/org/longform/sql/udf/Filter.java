package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * Whether a condition is true of a document; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class Filter implements UDF2<String, String, Boolean> {
  private static final long serialVersionUID = 1L;

  @Override
  public Boolean call(String content, String condition) {
    return (Boolean) JavaUdfs.value("filter", content, condition);
  }
}
