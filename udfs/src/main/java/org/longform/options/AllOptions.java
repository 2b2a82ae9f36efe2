package org.longform.options;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The list of all options. An option that is not here does not exist. */
public final class AllOptions {
  public static final List<OptionGroup> GROUPS =
      List.of(
          ModelOptions.GROUP,
          PromptOptions.GROUP,
          GenerationOptions.GROUP,
          DecodingOptions.GROUP,
          ReadingOptions.GROUP,
          ContextOptions.GROUP,
          CacheOptions.GROUP,
          OutputOptions.GROUP,
          GroupOptions.GROUP,
          RuntimeOptions.GROUP,
          RecoveryOptions.GROUP);

  public static final List<Option<?>> ALL =
      GROUPS.stream().<Option<?>>flatMap(group -> group.options().stream()).toList();

  /** Options that name a model or a part of one: by path, address or name. */
  public static final List<Option<String>> MODELS =
      Stream.concat(
              Stream.of(ModelOptions.MODEL, ModelOptions.ADAPTER),
              DecodingOptions.models().stream())
          .toList();

  /**
   * SQL keys of options that say where, how fast and how carefully documents are read. Answers are
   * the same whatever they are, so they tell no results apart.
   */
  public static final Set<String> OF_THE_RUN =
      Stream.concat(
              RecoveryOptions.all().stream(),
              Stream.of(
                  ModelOptions.DEVICE,
                  ModelOptions.THREADS,
                  ModelOptions.MODEL_CACHE,
                  ModelOptions.HUB_ENDPOINT,
                  ModelOptions.HUB_OFFLINE,
                  ModelOptions.ALLOWED_MODEL_PATHS,
                  CacheOptions.KV_MEMORY,
                  CacheOptions.KV_PINNED_MEMORY,
                  CacheOptions.KV_DIRECTORY,
                  RuntimeOptions.FAIL_ON_ERROR,
                  RuntimeOptions.ROW_TIMEOUT,
                  RuntimeOptions.PROGRESS_INTERVAL,
                  RuntimeOptions.SQL_PREFIX))
          .map(Option::sqlKey)
          .collect(Collectors.toUnmodifiableSet());

  private AllOptions() {}
}
