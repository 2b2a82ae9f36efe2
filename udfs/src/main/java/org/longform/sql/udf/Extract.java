package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * Facts of a document as JSON that fits a schema, which may be another for each row; for {@code
 * spark.udf.register} and {@code registerJavaFunction}.
 */
public final class Extract implements UDF2<String, String, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, String schema) {
    return JavaUdfs.json("extract", content, schema);
  }
}
