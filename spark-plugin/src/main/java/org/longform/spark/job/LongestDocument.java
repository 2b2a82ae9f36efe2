package org.longform.spark.job;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.context.Promise;
import org.longform.kernels.error.LongformException;

/**
 * How long a document a strategy reads, as its promises and what it keeps tell.
 *
 * @param refusal why it does not read with this model at all
 * @param kept the most tokens it ever keeps; empty where that grows with the document
 * @param fitting tokens that the memory has room for
 * @param bytesPerToken of keys and values
 * @param window beyond which it does not promise to show the model distances that it knows; empty
 *     where it promises that for any length
 */
record LongestDocument(
    Optional<String> refusal,
    OptionalLong kept,
    long fitting,
    long bytesPerToken,
    OptionalLong window) {

  /**
   * @param given parameters as users write them
   * @param memory bytes for keys and values
   */
  static LongestDocument of(
      ContextFactory factory,
      Map<String, String> given,
      ModelLimits limits,
      long bytesPerToken,
      long memory) {
    long fitting = memory == Long.MAX_VALUE ? memory : memory / bytesPerToken;
    OptionalLong window =
        factory.promises().contains(Promise.WITHIN_WINDOW)
            ? OptionalLong.empty()
            : OptionalLong.of(limits.trainedWindow());
    Optional<String> refusal =
        given.isEmpty() ? factory.whyUnavailable(limits) : Optional.<String>empty();
    if (refusal.isEmpty()) {
      try {
        OptionalLong kept =
            ContextStrategies.create(factory.name(), given, limits).mostTokensHeld();
        return new LongestDocument(refusal, kept, fitting, bytesPerToken, window);
      } catch (LongformException e) {
        refusal = Optional.of(e.getMessage());
      }
    }
    return new LongestDocument(refusal, OptionalLong.empty(), fitting, bytesPerToken, window);
  }

  /** Whether a document of any length is read in this memory. */
  private boolean isUnlimited() {
    boolean fits = kept.isPresent() ? kept.getAsLong() <= fitting : fitting == Long.MAX_VALUE;
    return fits && window.isEmpty();
  }

  /** Tokens of the longest document; what {@link #isUnlimited} has none. */
  private long tokens() {
    boolean bounded = kept.isPresent() && kept.getAsLong() <= fitting;
    return Math.min(bounded ? Long.MAX_VALUE : fitting, window.orElse(Long.MAX_VALUE));
  }

  String sentence() {
    if (refusal.isPresent()) {
      return "not with the defaults: " + refusal.get();
    }
    String keeps =
        kept.isPresent()
            ? "keeps at most %,d tokens (%,d bytes)"
                .formatted(kept.getAsLong(), kept.getAsLong() * bytesPerToken)
            : "keeps every token";
    if (isUnlimited()) {
      return "documents of any length: " + keeps;
    }
    String room = fitting == Long.MAX_VALUE ? "any number" : "%,d".formatted(fitting);
    return window.isPresent() && window.getAsLong() == tokens()
        ? "documents of up to %,d tokens, the trained window: %s, and the memory has room for %s"
            .formatted(tokens(), keeps, room)
        : "documents of up to %,d tokens in memory: %s".formatted(tokens(), keeps);
  }

  Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("available", refusal.isEmpty());
    json.put("refusal", refusal.orElse(null));
    if (refusal.isEmpty()) {
      json.put("any_length", isUnlimited());
      json.put("longest_document_tokens", isUnlimited() ? null : tokens());
      json.put("kept_tokens", kept.isPresent() ? kept.getAsLong() : null);
      json.put("tokens_in_memory", fitting == Long.MAX_VALUE ? null : fitting);
    }
    return json;
  }
}
