package org.longform.options;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.longform.kernels.cache.KvDType;

/** How the keys and values of a document are kept while it is read. */
public final class CacheOptions {
  public static final Option<String> KV_DTYPE =
      Option.choice("kv-dtype", Stream.of(KvDType.values()).map(CacheOptions::word).toList())
          .doc(
              "How each number of the keys and values is stored: `f32` as it was computed, `f16` in"
                  + " half the memory, `q8` (8 bits and a scale for each 32) in little more than a"
                  + " quarter.")
          .alias("cache_type_k", "cache_type_v", "kv_cache_dtype")
          .defaultValue(word(KvDType.F16));

  public static final Option<Long> KV_MEMORY =
      Option.bytes("kv-memory")
          .doc(
              "Memory for the keys and values of all documents that an executor reads at once, on a"
                  + " card the card's; what is beyond it lies on the local disk, and answers stay the"
                  + " same. `unlimited` never uses the disk, but where a card has no more.")
          .applicable(Option.Applicable.STARTUP)
          .defaultText(
              "half of the executor's memory beside the Java heap, or what the card has free")
          .optional();

  public static final Option<Long> KV_PINNED_MEMORY =
      Option.bytes("kv-pinned-memory")
          .doc(
              "Memory of the executor for keys and values that a card has no room for and reads"
                  + " there: slower than its own, faster than the disk, where those go that are beyond"
                  + " this. `0` takes none. Only on a card.")
          .applicable(Option.Applicable.STARTUP)
          .defaultText("half of the executor's memory beside the Java heap")
          .optional();

  public static final Option<String> KV_DIRECTORY =
      Option.text("kv-directory")
          .doc(
              "Directory on a local disk (not one in memory) for keys and values beyond kv-memory."
                  + " Its files have no names and are gone with the process.")
          .applicable(Option.Applicable.STARTUP)
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultText("the executor's local directory with most room")
          .optional();

  static final OptionGroup GROUP =
      new OptionGroup(
          "Cache",
          "How the keys and values of a document are kept while it is read.",
          List.of(KV_DTYPE, KV_MEMORY, KV_PINNED_MEMORY, KV_DIRECTORY));

  private CacheOptions() {}

  /** How keys and values are stored. */
  public static KvDType dtypeOf(Options options) {
    return KvDType.valueOf(options.get(KV_DTYPE).toUpperCase(Locale.ROOT));
  }

  private static String word(KvDType dtype) {
    return dtype.name().toLowerCase(Locale.ROOT);
  }
}
