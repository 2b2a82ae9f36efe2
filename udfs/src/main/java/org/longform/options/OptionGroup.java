package org.longform.options;

import java.util.List;

/** Options that belong together: one chapter of the configuration page. */
public record OptionGroup(String title, String doc, List<Option<?>> options) {
  public OptionGroup {
    options = List.copyOf(options);
  }
}
