package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * The label of a document, as a detail struct; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class ClassifyDetail implements UDF2<String, Object, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String content, Object labels) {
    return JavaUdfs.detail("classify", content, labels);
  }
}
