package org.longform.sql.udf;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.longform.sql.JavaUdfs;

/**
 * The text that continues a prompt, as a detail struct; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class GenDetail implements UDF1<String, Row> {
  private static final long serialVersionUID = 1L;

  @Override
  public Row call(String prompt) {
    return JavaUdfs.detail("gen", prompt);
  }
}
