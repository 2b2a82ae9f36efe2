package org.longform.sql;

import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.expressions.Expression;

/** What the arguments of a call say that are the same for all rows. */
final class Literals {
  private Literals() {}

  /** The value of an argument as a plain Java value; null if it is not literal, or NULL. */
  static Object value(Expression argument) {
    if (!argument.resolved() || !argument.foldable()) {
      return null;
    }
    Object value;
    try {
      value = argument.eval(null);
    } catch (Exception e) {
      // such as current_database(), which Spark replaces later, or a division by zero
      return null;
    }
    Object converted = CatalystTypeConverters.convertToScala(value, argument.dataType());
    return converted instanceof scala.collection.Seq<?> several
        ? JavaValues.list(several)
        : converted;
  }
}
