package org.longform.models;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.tokenizer.Tokenizer;

/** Whether two models mean the same by a token's id. */
public final class SameTokens {
  private record Pair(String one, String other) {}

  // going through a vocabulary takes a moment; models are few
  private static final Map<Pair, Boolean> KNOWN = new ConcurrentHashMap<>();

  private SameTokens() {}

  /**
   * @param option that names the second model
   * @throws LongformException INVALID_OPTION if they do not
   */
  public static void require(LoadedModel writer, String option, LoadedModel other) {
    Pair pair = new Pair(writer.revision(), other.revision());
    if (!KNOWN.computeIfAbsent(pair, each -> same(writer.tokenizer(), other.tokenizer()))) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use option '%s': the tokens of model '%s' (%d) are not those of model '%s' (%d). Take two models of one family."
              .formatted(
                  option,
                  other.location().name(),
                  other.tokenizer().vocabSize(),
                  writer.location().name(),
                  writer.tokenizer().vocabSize()));
    }
  }

  private static boolean same(Tokenizer one, Tokenizer other) {
    if (one.vocabSize() != other.vocabSize()
        || !one.specialTokens().equals(other.specialTokens())) {
      return false;
    }
    for (int id = 0; id < one.vocabSize(); id++) {
      int[] alone = {id};
      if (!one.decode(alone).equals(other.decode(alone))) {
        return false;
      }
    }
    return true;
  }
}
