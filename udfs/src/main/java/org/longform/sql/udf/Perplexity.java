package org.longform.sql.udf;

import org.apache.spark.sql.api.java.UDF1;
import org.longform.sql.JavaUdfs;

/** The perplexity of a text; for {@code spark.udf.register} and {@code registerJavaFunction}. */
public final class Perplexity implements UDF1<String, Double> {
  private static final long serialVersionUID = 1L;

  @Override
  public Double call(String content) {
    return (Double) JavaUdfs.value("perplexity", content);
  }
}
