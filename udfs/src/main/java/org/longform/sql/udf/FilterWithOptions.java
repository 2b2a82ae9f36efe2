package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF3;
import org.longform.sql.JavaUdfs;

/**
 * Whether a condition is true of a document, with an options map; for {@code spark.udf.register}
 * and {@code registerJavaFunction}.
 */
public final class FilterWithOptions implements UDF3<String, String, Object, Boolean> {
  private static final long serialVersionUID = 1L;

  @Override
  public Boolean call(String content, String condition, Object options) {
    return (Boolean) JavaUdfs.value("filter", content, condition, options);
  }
}
