package org.longform.feed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.longform.kernels.model.Session;

/**
 * A window moves over the document; of each the sentences that the question attends to are carried
 * on to the next, and the question is asked of those that are left in the end. Only token ids are
 * carried, no keys and values.
 */
final class InfiniRetriFeed implements Feed {
  private final FeedRequest request;
  private final int window;
  private final int layer;
  private final SentenceSelection selection;
  private final Weights weights;
  private final SentenceSplitter splitter = new SentenceSplitter(this::begins);
  // of the document, in no sentence yet
  private int[] openIds = new int[64];
  private long[] openStarts = new long[64];
  private int open;
  private long openFirst;
  // the sentences of the window
  private final List<Sentence> coming = new ArrayList<>();
  private int comingTokens;
  private List<Sentence> retained = List.of();
  private double[] frozenWeights;
  private final ReadForQuestion read = new ReadForQuestion();
  private FeedStats stats = FeedStats.NONE;

  /** How much the tokens of the question count. */
  enum Weights {
    /** By what they pay to the question itself in the first window. */
    SELF_ATTENTION,
    EQUAL
  }

  /**
   * @param window tokens of the document in one reading
   * @param layer whose attention decides
   */
  InfiniRetriFeed(
      FeedRequest request, int window, int layer, SentenceSelection selection, Weights weights) {
    this.request = request;
    this.window = window;
    this.layer = layer;
    this.selection = selection;
    this.weights = weights;
  }

  @Override
  public void take(DocumentPiece piece) {
    int count = piece.ids().length;
    if (open + count > openIds.length) {
      int room = Math.max(2 * openIds.length, open + count);
      openIds = Arrays.copyOf(openIds, room);
      openStarts = Arrays.copyOf(openStarts, room);
    }
    System.arraycopy(piece.ids(), 0, openIds, open, count);
    System.arraycopy(piece.starts(), 0, openStarts, open, count);
    open += count;
    splitter.take(piece.text());
    while (open >= window) {
      // no sentence ends for so long: a part of it must do
      close(window);
    }
  }

  /** A sentence begins at a character: the tokens before it are one that ended. */
  private void begins(long character) {
    int end = 0;
    while (end < open && openStarts[end] < character) {
      end++;
    }
    close(end);
  }

  /** Makes a sentence of the first open tokens, or several if they do not fit into a window. */
  private void close(int end) {
    for (int from = 0; from < end; from += window) {
      int to = Math.min(end, from + window);
      add(new Sentence(Arrays.copyOfRange(openIds, from, to), openFirst + from));
    }
    System.arraycopy(openIds, end, openIds, 0, open - end);
    System.arraycopy(openStarts, end, openStarts, 0, open - end);
    open -= end;
    openFirst += end;
  }

  private void add(Sentence sentence) {
    if (comingTokens + sentence.length() > window) {
      readWindow();
    }
    coming.add(sentence);
    comingTokens += sentence.length();
  }

  /** Reads what was retained and the window, and retains what the question attends to. */
  private void readWindow() {
    if (coming.isEmpty()) {
      return;
    }
    List<Sentence> context = new ArrayList<>(retained);
    context.addAll(coming);
    coming.clear();
    comingTokens = 0;
    int tokens = context.stream().mapToInt(Sentence::length).sum();
    QuestionAttention attention =
        new QuestionAttention(layer, request.prefix().length, tokens, request.suffix().length);
    try (Session reading = request.open(tokens)) {
      try {
        feed(Session::feed, reading, context);
        reading.watchProbabilities(attention);
        reading.ask(request.suffix());
      } finally {
        stats = stats.and(reading.stats());
      }
    }
    if (frozenWeights == null) {
      frozenWeights = attention.onQuestion();
      if (weights == Weights.EQUAL) {
        Arrays.fill(frozenWeights, 1);
      }
    }
    retained = selection.select(context, selection.scores(attention.onContext(), frozenWeights));
  }

  private void feed(FeedRequest.Prompts prompts, Session target, List<Sentence> sentences) {
    prompts.feed(target, request.prefix(), 0, request.prefix().length);
    sentences.forEach(each -> prompts.feed(target, each.ids(), 0, each.length()));
  }

  @Override
  public void finish() {
    splitter.finish();
    close(open);
    readWindow();
    int tokens = retained.stream().mapToInt(Sentence::length).sum();
    long[] origins = new long[request.prefix().length + tokens];
    Arrays.fill(origins, 0, request.prefix().length, ReadForQuestion.SURROUNDING);
    int row = request.prefix().length;
    for (Sentence sentence : retained) {
      for (int i = 0; i < sentence.length(); i++) {
        origins[row++] = sentence.first() + i;
      }
    }
    read.is(request.open(tokens), origins);
    feed(request.prompts(), read.session(), retained);
  }

  /** Sentences that are carried on. */
  List<Sentence> retained() {
    return retained;
  }

  @Override
  public Session session() {
    return read.session();
  }

  @Override
  public long documentToken(long row) {
    return read.documentToken(row);
  }

  @Override
  public FeedStats stats() {
    return read.after(stats);
  }

  @Override
  public void close() {
    read.close();
  }
}
