package org.longform.kernels.model.prune;

import java.util.List;
import org.longform.kernels.method.Method;
import org.longform.kernels.method.MethodParameter;

/** What {@link Pruning} does, for the page of methods; its parameters are flags of a command. */
public final class LlmPruner implements Method {
  @Override
  public String name() {
    return "llm-pruner";
  }

  @Override
  public String description() {
    return "Whole key/value heads, each with its query heads, and whole feed-forward channels go "
        + "with every row and column that belongs to them, so that what is left is an ordinary "
        + "model with fewer heads and channels in some layers. What goes is what matters least: by "
        + "the size of its weights, or by how much the loss on a short text would change without "
        + "it, to the first or the second order of a Taylor series. Dimensions of the residual "
        + "stream, or the last layers, can go instead.";
  }

  @Override
  public String whenToUse() {
    return "For a model that must be smaller or faster in memory, cache and time alike, and that "
        + "can be tuned again: without that every part that goes costs quality. If only memory "
        + "counts, quantisation costs less.";
  }

  @Override
  public String cost() {
    return "Once, before the model is used: l1, l2 and random read the weights; the others take a "
        + "forward and a backward pass of the samples in float64 on the processor, and the memory "
        + "of one layer's weights at 32 bytes each. At run time nothing; the cache shrinks with "
        + "the heads.";
  }

  @Override
  public String source() {
    return "Ma et al. 2023, LLM-Pruner (arXiv 2305.11627); github.com/horseee/LLM-Pruner";
  }

  @Override
  public String notCopied() {
    return "The published code adds up different dimensions of the query heads that share a key "
        + "head, and takes another matrix's gradient for the mixed importance of heads; here both "
        + "follow the paper. It saves pickled modules, which nobody should load; here the sizes of "
        + "each layer and what was kept stand in config.json. With global ranking heads compete "
        + "with heads and channels with channels, since the sum of a head and that of a channel "
        + "are no numbers of one kind. The tuning that follows is another program's; its LoRA "
        + "adapter is merged with merge-lora.";
  }

  @Override
  public List<MethodParameter> parameters() {
    return List.of();
  }
}
