package org.longform.decoding;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.Parameter;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.TokenTree;

/** Speculative decoding: a small model writes ahead, the large one verifies. */
final class DraftModel implements DecodingStrategy {
  private static final String MODEL = "draft-model";
  private static final String TOKENS = "draft-tokens";

  @Override
  public String name() {
    return "draft-model";
  }

  @Override
  public String description() {
    return "A smaller model with the same tokens reads the document, too, and writes a few tokens ahead. The large one "
        + "reads them in one step, keeps those that it would have written, and puts its own behind them. Without a "
        + "temperature answers are those of plain decoding, token by token; with one they have the same distribution.";
  }

  @Override
  public String whenToUse() {
    return "For few answers at a time from a large model, where a model many times smaller of the same family is at hand; "
        + "not where reading the document a second time costs more than writing.";
  }

  @Override
  public String cost() {
    return "The small model reads the whole prompt and each guess; the large one a step with a row for each guess. Memory: "
        + "the weights of both, and keys and values of the prompt for both.";
  }

  @Override
  public String source() {
    return "Leviathan et al. 2023, Fast Inference from Transformers via Speculative Decoding (arXiv 2211.17192); "
        + "Chen et al. 2023, Accelerating Large Language Model Decoding with Speculative Sampling (arXiv 2302.01318)";
  }

  @Override
  public String notCopied() {
    return "A number of guesses that changes with the rate of right ones, as some programs have: it makes answers with a "
        + "temperature depend on more than their seed. A lenience that keeps guesses the large model would not have "
        + "written: it changes the distribution.";
  }

  @Override
  public List<Parameter> parameters() {
    return List.of(
        Parameter.text(
            MODEL,
            "The smaller model, named as the option model names the large one; both must have the same tokens."),
        Parameter.integer(
            TOKENS, "Tokens that are written ahead in a step.", "4", limits -> 4L, 1));
  }

  @Override
  public List<String> models() {
    return List.of(MODEL);
  }

  @Override
  public boolean guesses() {
    return true;
  }

  @Override
  public Optional<String> readsAlong() {
    return Optional.of(MODEL);
  }

  @Override
  public Decoding open(DecodingSetup setup) {
    Decoder small = setup.models().decoder(MODEL);
    int tokens = StepRows.checked(this, TOKENS, setup.values().integer(TOKENS));
    Session session = small.open(setup.models().context(small), setup.sessions());
    int vocabulary = setup.writer().spec().vocabulary();
    return new Reading(small, session, tokens, vocabulary, setup.endTokens());
  }

  /** The small model reads what the large one reads. */
  private record Reading(
      Decoder small, Session own, int tokens, int vocabulary, Set<Integer> endTokens)
      implements Decoding {
    @Override
    public void feed(Session session, int[] ids, int from, int count) {
      session.feed(ids, from, count);
      own.feed(ids, from, count);
    }

    @Override
    public void flush(Session session) {
      session.flush();
      own.flush();
    }

    @Override
    public void ask(Session session, int[] ids) {
      session.ask(ids);
      own.ask(ids);
    }

    @Override
    public Decoding fork(Session session) {
      return new Reading(small, own.fork(), tokens, vocabulary, endTokens);
    }

    @Override
    public long kvBytesPerToken(KvDType dtype) {
      return small.kvBytesPerToken(dtype);
    }

    @Override
    public Guesser guesser() {
      return new Writing(this);
    }

    @Override
    public void close() {
      own.close();
    }
  }

  /**
   * Writes ahead from forks, one for each token, so that whatever is right a session is there that
   * has read that much and no more.
   */
  private static final class Writing implements Guesser {
    private final Reading reading;
    private final List<Session> ahead = new ArrayList<>();
    private final List<Integer> guesses = new ArrayList<>();
    // for each guess the probabilities it was drawn with
    private final List<double[]> drawnFrom = new ArrayList<>();
    private Session base;
    private int right;

    Writing(Reading reading) {
      this.reading = reading;
      this.base = reading.own().fork();
    }

    @Override
    public TokenTree guess(int chosen, int room, TokenChooser chooser) {
      if (room == 1) {
        return TokenTree.of(chosen);
      }
      goOn();
      int most = Math.min(reading.tokens(), room - 1);
      Session session = base;
      int token = chosen;
      Continuations place = chooser.continuations();
      while (guesses.size() < most && !reading.endTokens().contains(token) && !place.complete()) {
        session = session.fork();
        ahead.add(session);
        token = draw(read(session, token), chooser, place);
        place = place.after(token);
        guesses.add(token);
      }
      return TokenTree.chain(chosen, guesses.stream().mapToInt(id -> id).toArray());
    }

    /** The session that has read what turned out to be right is the next one to go on from. */
    private void goOn() {
      if (ahead.isEmpty()) {
        return;
      }
      Session next = ahead.get(Math.min(right, ahead.size() - 1));
      ahead.remove(next);
      closeAhead();
      base.close();
      base = next;
      if (right > 0 && right == guesses.size()) {
        // nobody has read the last guess
        read(base, guesses.get(right - 1));
      }
      guesses.clear();
      drawnFrom.clear();
      right = 0;
    }

    private float[] read(Session session, int token) {
      float[] logits = reading.small().batcher().read(session, token);
      // whoever else writes with the small model need not wait for the next one
      reading.small().batcher().leave(session);
      // vocabularies of one family may be padded to other sizes
      float[] known = Arrays.copyOf(logits, reading.vocabulary());
      if (known.length > logits.length) {
        Arrays.fill(known, logits.length, known.length, Float.NEGATIVE_INFINITY);
      }
      return known;
    }

    private int draw(float[] logits, TokenChooser chooser, Continuations place) {
      double[] probabilities = chooser.probabilities(logits, place);
      drawnFrom.add(probabilities);
      return drawn(probabilities, 1, chooser.random());
    }

    @Override
    public int choose(TokenTree tree, int row, float[] logits, TokenChooser chooser) {
      if (chooser.greedy() || row >= guesses.size()) {
        return chooser.next(logits);
      }
      double[] wanted = chooser.probabilities(logits);
      double[] had = drawnFrom.get(row);
      int guess = guesses.get(row);
      if (chooser.random() * had[guess] < wanted[guess]) {
        return chooser.take(guess);
      }
      double rest = 0;
      for (int id = 0; id < wanted.length; id++) {
        wanted[id] = Math.max(0, wanted[id] - had[id]);
        rest += wanted[id];
      }
      return rest > 0 ? chooser.take(drawn(wanted, rest, chooser.random())) : chooser.next(logits);
    }

    @Override
    public void accepted(int row) {
      right = row;
    }

    private static int drawn(double[] weights, double sum, double random) {
      double target = random * sum;
      double running = 0;
      int last = 0;
      for (int id = 0; id < weights.length; id++) {
        if (weights[id] > 0) {
          running += weights[id];
          last = id;
          if (running > target) {
            return id;
          }
        }
      }
      return last;
    }

    private void closeAhead() {
      ahead.forEach(Session::close);
      ahead.clear();
    }

    @Override
    public void close() {
      closeAhead();
      base.close();
    }
  }
}
