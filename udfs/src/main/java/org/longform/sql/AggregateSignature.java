package org.longform.sql;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.connector.catalog.functions.ScalarFunction;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/**
 * One form of an aggregate function with the types of a call fixed. The arguments are the text,
 * what is asked, the order key and the options; the last two may be missing.
 *
 * @param function what is asked and the options as its arguments
 * @param asks how many arguments say what is asked
 * @param orderKey type of the order key, null if there is none
 */
public record AggregateSignature(
    ScalarFunction<?> function, int asks, DataType orderKey, boolean withOptions)
    implements Serializable {
  public String name() {
    return function.name();
  }

  public DataType resultType() {
    return function.resultType();
  }

  /** Types the arguments are cast to. */
  public List<DataType> inputTypes() {
    List<DataType> types = new ArrayList<>();
    types.add(DataTypes.StringType);
    DataType[] asked = function.inputTypes();
    types.addAll(List.of(asked).subList(0, asks));
    if (orderKey != null) {
      types.add(orderKey);
    }
    if (withOptions) {
      types.add(CatalystFunction.OPTIONS);
    }
    return types;
  }
}
