package org.longform.kernels.context;

import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.attention.AttentionPlan;
import org.longform.kernels.cache.Gathering;
import org.longform.kernels.cache.Rows;

/**
 * The first tokens, the most surprising ones and the newest ones, at consecutive positions; all
 * else is forgotten.
 *
 * <p>Published for conversations, where tokens are forgotten between turns only. A document is one
 * turn that does not fit, so here they are forgotten when the cache is full: then it makes room for
 * one block, by the published rule with the block as the turn that comes. Each question is a turn
 * of its own, before which older surprises fade.
 */
final class SirLlm implements ContextStrategy {
  static final ContextFactory FACTORY = new SirLlmFactory();

  /**
   * @param global tokens at the beginning that are always kept
   * @param surprising room for the most surprising tokens
   * @param recent room for the newest ones
   * @param decay factor on older surprises at each turn
   * @param chunk tokens of a block
   */
  record Settings(int global, int surprising, int recent, double decay, int chunk) {
    int size() {
      return global + surprising + recent;
    }
  }

  private final Settings settings;
  // of the tokens that are held
  private Surprises surprises = new Surprises();
  // those that are left when the rows have moved
  private Surprises kept = surprises;
  private int used;

  SirLlm(Settings settings) {
    this.settings = settings;
  }

  @Override
  public int nextChunk(long read, long promptTokens) {
    return questionChunk();
  }

  @Override
  public int questionChunk() {
    return Math.max(1, Math.min(settings.chunk, settings.size() - used));
  }

  @Override
  public AttentionPlan plan(PlanRequest request) {
    return Packed.plan(request.cache().held(), request.cache().end());
  }

  @Override
  public boolean wantsScores() {
    return true;
  }

  @Override
  public void scored(long first, double[] block) {
    surprises.scored(first, block);
  }

  @Override
  public void turn() {
    surprises.fade(settings.decay);
  }

  @Override
  public Optional<Gathering> gather(Rows held, long length) {
    used = Math.toIntExact(held.count(0));
    if (used < settings.size()) {
      return Optional.empty();
    }
    Choice choice = new Choice(held);
    choice.best(settings.surprising - settings.chunk, surprises::at);
    choice.first(settings.global);
    choice.newest(settings.size() - settings.chunk);
    kept = surprises.at(choice.places());
    Rows.Builder rows = Rows.builder();
    choice.appendTo(rows);
    return Optional.of(Gathering.of(rows.build()));
  }

  @Override
  public void gathered() {
    surprises = kept;
    used = kept.size();
  }

  @Override
  public OptionalLong mostTokensHeld() {
    return OptionalLong.of(settings.size());
  }

  @Override
  public ContextStrategy fork() {
    SirLlm fork = new SirLlm(settings);
    fork.surprises = surprises.copy();
    fork.used = used;
    return fork;
  }
}
