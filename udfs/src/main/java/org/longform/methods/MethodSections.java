package org.longform.methods;

import java.util.List;
import org.longform.decoding.DecodingStrategies;
import org.longform.feed.ReadingStrategies;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.model.prune.LlmPruner;
import org.longform.kernels.quantise.QuantisationMethods;

/** The lists of methods. To add a list: one line here. */
public final class MethodSections {
  public static final List<MethodSection> ALL =
      List.of(
          new MethodSection(
              "Context strategies",
              "How a document longer than the model's window is attended to. Chosen with `--context` and, in SQL, `map('context', …)`.",
              ContextStrategies.ALL),
          new MethodSection(
              "Reading strategies",
              "How a document and what is asked of it are fed to the model. Chosen with `--reading` and, in SQL, `map('reading', …)`.",
              ReadingStrategies.ALL),
          new MethodSection(
              "Decoding strategies",
              "How the tokens of an answer come out. Chosen with `--decoding` and, in SQL, `map('decoding', …)`. Strategies that guess need a context that can forget wrong guesses; others are refused.",
              DecodingStrategies.ALL),
          new MethodSection(
              "Quantisation",
              "How `ci/longform quantize --model DIR|FILE.gguf --method … --to OUT` rounds the matrices of the layers, once, before the model is used. "
                  + "Parameters are flags; methods with `samples` need `--calibration TEXT|FILE.jsonl`, text of the kind that will be read. "
                  + "Levels and their scales are stored exactly, in the narrowest blocks of GGUF files that hold them, so that the model is as small in memory as in its file: "
                  + "8 bits in `Q8_0` (8.5 bits a weight), 4 bits in `Q4_0` (4.5) or with a zero point in `Q5_0` (5.5), 3 bits in `Q4_0`. "
                  + "Where no block holds them (8 bits with a zero point, `nf4`, groups or rows that are no multiple of 32) the values they stand for are stored as `F16`, and the command says so. "
                  + "Embedding and output matrix are not quantised: `--other-dtype`, f16 by default.",
              QuantisationMethods.ALL),
          new MethodSection(
              "Pruning",
              "How `ci/longform prune --model DIR|FILE.gguf --ratio … --to OUT` takes parts of a model away, once, before it is used. "
                  + "Parameters are flags; importances that begin with taylor need `--calibration TEXT|FILE.jsonl`, text of the kind that will be read.",
              List.of(new LlmPruner())));

  private MethodSections() {}
}
