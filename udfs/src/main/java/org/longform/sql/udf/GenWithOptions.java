package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF2;
import org.longform.sql.JavaUdfs;

/**
 * The text that continues a prompt, with an options map; for {@code spark.udf.register} and {@code
 * registerJavaFunction}.
 */
public final class GenWithOptions implements UDF2<String, Object, String> {
  private static final long serialVersionUID = 1L;

  @Override
  public String call(String prompt, Object options) {
    return (String) JavaUdfs.value("gen", prompt, options);
  }
}
