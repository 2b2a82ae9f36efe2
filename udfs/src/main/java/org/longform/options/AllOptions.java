package org.longform.options;

import java.util.List;

/** The list of all options. An option that is not here does not exist. */
public final class AllOptions {
  public static final List<OptionGroup> GROUPS =
      List.of(
          ModelOptions.GROUP,
          PromptOptions.GROUP,
          GenerationOptions.GROUP,
          ContextOptions.GROUP,
          CacheOptions.GROUP,
          OutputOptions.GROUP,
          GroupOptions.GROUP,
          RuntimeOptions.GROUP,
          RecoveryOptions.GROUP);

  public static final List<Option<?>> ALL =
      GROUPS.stream().<Option<?>>flatMap(group -> group.options().stream()).toList();

  private AllOptions() {}
}
