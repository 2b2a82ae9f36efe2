package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF1;
import org.longform.sql.JavaUdfs;

/**
 * The text that continues a prompt; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class Gen implements UDF1<String, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String prompt) {
    return (String) JavaUdfs.value("gen", prompt);
  }
}
