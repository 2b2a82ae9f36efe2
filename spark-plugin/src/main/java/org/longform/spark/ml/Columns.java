package org.longform.spark.ml;

import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** The columns of a table by name, compared as the session compares names. */
record Columns(StructType schema) {
  Optional<String> find(String name) {
    boolean exact = SQLConf.get().caseSensitiveAnalysis();
    return Arrays.stream(schema.fieldNames())
        .filter(each -> exact ? each.equals(name) : each.equalsIgnoreCase(name))
        .findFirst();
  }

  DataType typeOf(String column) {
    return schema.apply(column).dataType();
  }

  /** A top-level column, whatever characters its name has. */
  Column column(String name) {
    return functions.col("`" + name.replace("`", "``") + "`");
  }

  String names() {
    return String.join(", ", schema.fieldNames());
  }
}
