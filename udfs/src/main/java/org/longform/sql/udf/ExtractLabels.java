package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * Facts of a document as JSON with a key for each of some labels; for {@code spark.udf.register}
 * and {@code registerJavaFunction}.
 */
public final class ExtractLabels implements UDF2<String, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, Object labels) {
    return JavaUdfs.json("extract", content, labels);
  }
}
