package org.longform.options;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.longform.kernels.context.ContextFactory;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;

/** What a batch job does when an executor ends in the middle of its work. */
public final class RecoveryOptions {
  public static final Option<Integer> MAX_ATTEMPTS =
      Option.integer("max-attempts")
          .doc(
              "How often a batch job begins a document whose executor ends while it is read, before"
                  + " it gets an error row. The last attempt has the cluster for itself, so that no"
                  + " document is blamed for another. A checkpoint written in between counts as"
                  + " success.")
          .applicable(Option.Applicable.STARTUP)
          .check(n -> n >= 2, "must be at least 2")
          .defaultValue(3);

  public static final Option<Long> CHECKPOINT_TOKENS =
      Option.wholeNumber("checkpoint-tokens")
          .doc(
              "A batch job writes down how far a document was read after so many tokens, for"
                  + " another executor to go on from there; 0 for never. Only contexts that"
                  + " remember a bounded number of tokens and nothing else can go on (with their"
                  + " defaults "
                  + resumableContexts()
                  + "). Unless the number is given, it waits longer where writing would take more"
                  + " than a hundredth of the time.")
          .applicable(Option.Applicable.STARTUP)
          .check(n -> n >= 0, "must not be negative")
          .defaultValue(1L << 18);

  public static final Option<String> CHECKPOINT_DIRECTORY =
      Option.text("checkpoint-directory")
          .doc(
              "Directory that the driver and all executors can write, for checkpoints and the marks"
                  + " of documents that were begun; any Hadoop path.")
          .applicable(Option.Applicable.STARTUP)
          .check(text -> !text.isBlank(), "must not be empty")
          .defaultText("_longform in the directory of the output table")
          .optional();

  static final OptionGroup GROUP =
      new OptionGroup(
          "Recovery",
          "What a batch job does when an executor ends in the middle of its work.",
          List.of(MAX_ATTEMPTS, CHECKPOINT_TOKENS, CHECKPOINT_DIRECTORY));

  private RecoveryOptions() {}

  private static String resumableContexts() {
    ModelLimits anyModel = new ModelLimits(4096, 32);
    return ContextStrategies.ALL.stream()
        .filter(each -> each.whyUnavailable(anyModel).isEmpty())
        .map(ContextFactory::name)
        .filter(name -> ContextStrategies.create(name, Map.of(), anyModel).resumable())
        .collect(Collectors.joining(", "));
  }

  /** None of these changes an answer. */
  public static List<Option<?>> all() {
    return GROUP.options();
  }
}
