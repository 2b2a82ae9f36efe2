package org.longform.read;

import java.util.BitSet;
import java.util.Optional;
import org.longform.decoding.Decoding;
import org.longform.decoding.Guesser;
import org.longform.generate.Draft;
import org.longform.generate.Generator;
import org.longform.generate.LabelScores;
import org.longform.generate.LabelTree;
import org.longform.generate.SamplingParameters;
import org.longform.grammar.JsonSchema;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.model.DecodeBatcher;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionStats;
import org.longform.options.GenerationOptions;
import org.longform.prompt.Prompt;
import org.longform.prompt.Task;

/** A question while it is answered from a fork of a reading. */
final class Answering implements AutoCloseable {
  // begun pages and what the prompt adds to a question
  private static final int MORE_TOKENS = 256;

  private final Reading reading;
  private final Question question;
  private final EvidenceCollector evidence;
  private Session fork;
  private Decoding decoding;
  private Guesser guesser;
  private Draft draft;
  private Choices choices;
  private Choice choice;
  private SessionStats stats;
  private int questionTokens;
  // that were told
  private long attendedTokens;
  private long endedNanos;
  private Throwable failure;

  Answering(Reading reading, Question question) {
    this.reading = reading;
    this.question = question;
    this.evidence = new EvidenceCollector(reading.document(), reading::documentToken);
  }

  /** The most tokens a fork adds for a question; a token has at least one character or byte. */
  static long mostTokens(Question question) {
    return 3L * question.text().length()
        + question.ask().options().get(GenerationOptions.MAX_NEW_TOKENS)
        + MORE_TOKENS;
  }

  /** Reads the question, if it was not. A failure is kept for {@link #answer}. */
  void read(Session session, Generator generator) {
    try {
      Prompt prompt = reading.prompt(question.ask(), question.text());
      int[] suffix = prompt.suffixTokens(reading.model().tokenizer());
      questionTokens = suffix.length;
      fork = session.fork();
      decoding = reading.decoding().fork(fork);
      if (!reading.questionWasRead()) {
        long begin = System.nanoTime();
        decoding.ask(fork, suffix);
        reading.meter().prefilled(suffix.length, System.nanoTime() - begin);
      }
      attendedTokens = reading.meter().track(fork.stats(), 0);
      if (Reading.wantsEvidence(question.ask())) {
        fork.watch(evidence);
      }
      if (question.ask().task().chooses()) {
        choices = Choices.of(question.ask().task(), question.text());
        return;
      }
      guesser = decoding.guesser();
      draft = draft(generator, prompt, reading.promptWith(suffix));
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  private Draft draft(Generator generator, Prompt prompt, BitSet promptTokens) {
    SamplingParameters parameters =
        SamplingParameters.of(prompt.withStops(question.ask().options()));
    long seed = question.header().seed(question.text());
    return question.ask().task() == Task.EXTRACT
        ? generator.json(
            JsonSchema.extracted(question.text()),
            fork,
            parameters,
            promptTokens,
            seed,
            guesser,
            this::chosen)
        : generator.draft(fork, parameters, promptTokens, seed, guesser, this::chosen);
  }

  /** Chooses the answer, if it is one of a few. A failure is kept for {@link #answer}. */
  void choose() {
    if (choices == null || failure != null) {
      return;
    }
    try {
      DecodeBatcher batcher = reading.model().decoder().batcher();
      LabelTree tree = choices.tree(reading.model().tokenizer());
      LabelScores scores = LabelScores.of(fork, tree, batcher);
      choice = choices.choice(scores);
      for (int token : scores.bestTokens()) {
        if (Reading.wantsEvidence(question.ask())) {
          // what the model looks at while it reads its answer
          batcher.read(fork, token);
        }
        chosen();
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    } finally {
      reading.model().decoder().batcher().leave(fork);
    }
  }

  private void chosen() {
    evidence.endStep(); // the token before this one was read by now
    reading.meter().tokenWritten();
    endedNanos = System.nanoTime();
  }

  /** To be written; empty if it is too late for that. */
  Optional<Draft> draft() {
    return Optional.ofNullable(draft);
  }

  long peakKvBytes() {
    return fork == null ? 0 : fork.stats().peakKvBytes();
  }

  /** Whether there was no memory for it. */
  boolean lacksMemory() {
    Optional<Throwable> known = Optional.ofNullable(failure);
    return (draft == null ? known : known.or(draft::failure))
        .filter(why -> AnswerError.of(why).errorClass() == ErrorClass.OUT_OF_MEMORY)
        .isPresent();
  }

  /** The answer, once it was written. Throws what made it fail, if it did. */
  Answer answer(long startedNanos) {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
    long latencyNanos = endedNanos - startedNanos;
    return choice != null
        ? reading.answered(question, choice, questionTokens, evidence, stats, latencyNanos)
        : reading.answered(
            question, draft.written(), questionTokens, evidence, stats, latencyNanos);
  }

  /** Gives the keys and values of the fork back. */
  @Override
  public void close() {
    if (guesser != null) {
      guesser.close();
      guesser = null;
    }
    if (decoding != null) {
      decoding.close();
      decoding = null;
    }
    if (fork != null) {
      stats = fork.stats();
      reading.meter().track(stats, attendedTokens);
      reading.meter().decodeSteps(stats.decodeSteps());
      fork.close();
      fork = null;
    }
  }
}
