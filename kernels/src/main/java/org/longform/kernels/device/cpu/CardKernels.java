package org.longform.kernels.device.cpu;

import java.lang.ref.Reference;
import java.util.Optional;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.device.KeyScoresRequest;
import org.longform.kernels.device.SpansRequest;
import org.longform.kernels.device.VotesRequest;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/**
 * The operations on a card. Weights, activations and pages of caches lie there. What reads and
 * writes the card's memory alone is asked for and not waited for.
 */
final class CardKernels extends CpuKernels {
  private final CpuHandle card;
  private final CardMemory memory;

  CardKernels(CpuHandle card) {
    this(card, new CardMemory(card));
  }

  private CardKernels(CpuHandle card, CardMemory memory) {
    super(card, memory);
    this.card = card;
    this.memory = memory;
  }

  @Override
  public MemorySource memory() {
    return memory;
  }

  @Override
  public Optional<MemorySource> pinnedMemory() {
    return Optional.of(memory::allocatePinned);
  }

  @Override
  public Weight weight(Tensor stored) {
    return CardWeight.load(stored, card);
  }

  /** Votes are counted where the best keys lie: only the tokens come to the host. */
  @Override
  public long[] votes(VotesRequest request) {
    Optional<long[]> counted = VotesCall.run(request, card.address(), memory);
    Reference.reachabilityFence(card);
    return counted.isPresent() ? counted.get() : super.votes(request);
  }

  /** Spans stay where their rows are attended to: the host does not wait for them. */
  @Override
  public Rows spans(SpansRequest request) {
    Optional<Rows> chosen = SpansCall.run(request, card.address(), memory);
    Reference.reachabilityFence(card);
    return chosen.isPresent() ? chosen.get() : super.spans(request);
  }

  /** Listed keys are scored where they lie: only the scores come to the host. */
  @Override
  public float[] keyScores(KeyScoresRequest request) {
    Optional<float[]> scored = KeyScoresCall.run(request, card.address(), memory);
    Reference.reachabilityFence(card);
    return scored.isPresent() ? scored.get() : super.keyScores(request);
  }

  @Override
  SketchLimits sketchLimits() {
    return SketchLimits.OF_CARD;
  }
}
