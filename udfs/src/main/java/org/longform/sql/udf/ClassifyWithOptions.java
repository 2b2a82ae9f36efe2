package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF3;
import org.longform.sql.JavaUdfs;

/**
 * The label of a document, with an options map; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class ClassifyWithOptions implements UDF3<String, Object, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, Object labels, Object options) {
    return (String) JavaUdfs.value("classify", content, labels, options);
  }
}
