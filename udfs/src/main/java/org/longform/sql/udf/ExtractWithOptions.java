package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF3;
import org.longform.sql.JavaUdfs;

/**
 * Facts of a document as JSON that fits a schema, with an options map; for {@code
 * spark.udf.register} and {@code registerJavaFunction}.
 */
public final class ExtractWithOptions implements UDF3<String, String, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, String schema, Object options) {
    return JavaUdfs.json("extract", content, schema, options);
  }
}
