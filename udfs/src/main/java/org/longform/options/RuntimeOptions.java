package org.longform.options;

import java.time.Duration;
import java.util.List;

/** How the functions behave inside Spark. */
public final class RuntimeOptions {
  public static final Option<Boolean> FAIL_ON_ERROR =
      Option.flag("fail-on-error")
          .doc(
              "Whether a row that cannot be answered fails the query. Otherwise its value is NULL"
                  + " and the `_detail` functions say why.")
          .defaultValue(false);

  public static final Option<Duration> ROW_TIMEOUT =
      Option.duration("row-timeout")
          .doc(
              "Longest time to read one row's documents and answer what is asked of them; loading"
                  + " the model does not count. A row that takes longer ends with an error of class"
                  + " ROW_TIMEOUT and frees its memory; other rows go on.")
          .check(time -> !time.isZero(), "must not be zero")
          .defaultText("no limit")
          .optional();

  public static final Option<Duration> PROGRESS_INTERVAL =
      Option.duration("progress-interval")
          .doc(
              "How often the driver's log tells how far reading is, at level INFO, while anything is"
                  + " read; `0s` never.")
          .applicable(Option.Applicable.APPLICATION)
          .defaultValue(Duration.ofSeconds(30));

  public static final Option<String> SQL_PREFIX =
      Option.text("sql-prefix")
          .doc("What the names of the SQL functions begin with.")
          .confKey("spark.longform.sql.prefix")
          .applicable(Option.Applicable.APPLICATION)
          .check(
              text -> text.matches("[A-Za-z_][A-Za-z0-9_]{0,63}"),
              "must be letters, digits and underscores, and not begin with a digit")
          .defaultValue("ai_");

  static final OptionGroup GROUP =
      new OptionGroup(
          "Runtime",
          "How the functions behave inside Spark.",
          List.of(FAIL_ON_ERROR, ROW_TIMEOUT, PROGRESS_INTERVAL, SQL_PREFIX));

  private RuntimeOptions() {}
}
