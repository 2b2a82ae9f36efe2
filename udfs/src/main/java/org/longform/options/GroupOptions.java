package org.longform.options;

import java.util.List;

/** How the rows of a group are read as one document by the {@code _agg} functions. */
public final class GroupOptions {
  public static final String SKIP = "skip";
  public static final String FAIL = "fail";

  public static final Option<String> ROW_ERRORS =
      Option.choice("row-errors", List.of(SKIP, FAIL))
          .doc(
              "What becomes of a group with rows that cannot be read (blank ones, texts that cannot"
                  + " be tokenized): `skip` leaves such rows out, and the `_detail` functions count"
                  + " them and say why; `fail` gives the group NULL and an error that names the"
                  + " row. Rows with a NULL text are no part of a group.")
          .defaultValue(SKIP);

  static final OptionGroup GROUP =
      new OptionGroup(
          "Groups",
          "How the rows of a group are read as one document by the `_agg` functions.",
          List.of(ROW_ERRORS));

  private GroupOptions() {}
}
