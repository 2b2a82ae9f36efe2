package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * Whether a condition is true of a document, as a detail struct; for {@code spark.udf.register} and
 * {@code registerJavaFunction}.
 */
public final class FilterDetail implements UDF2<String, String, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String content, String condition) {
    return JavaUdfs.detail("filter", content, condition);
  }
}
