package org.longform.options;

import java.util.List;

/** What comes back beside the answer. */
public final class OutputOptions {
  public static final Option<Integer> EVIDENCE_COUNT =
      Option.integer("evidence-count")
          .doc(
              "Largest number of source spans returned as evidence by the `_detail` functions and"
                  + " the job; 0 returns none and saves their computation.")
          .alias("evidence")
          .check(value -> value >= 0 && value <= 1000, "must be from 0 to 1000")
          .defaultValue(5);

  static final OptionGroup GROUP =
      new OptionGroup("Output", "What comes back beside the answer.", List.of(EVIDENCE_COUNT));

  private OutputOptions() {}
}
