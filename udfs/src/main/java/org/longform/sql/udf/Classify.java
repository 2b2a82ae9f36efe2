package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/** The label of a document; for {@code spark.udf.register} and {@code registerJavaFunction}. */
public final class Classify implements UDF2<String, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String content, Object labels) {
    return (String) JavaUdfs.value("classify", content, labels);
  }
}
