package org.longform.decoding;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.IntFunction;
import org.longform.kernels.model.TokenTree;

/**
 * The window and the pool of one answer. Level 0 of the window stands behind the newest token, and
 * together they are row 0 with its columns; a token of a higher level continues the one below it in
 * its column. All rows are one tree: a place is the number of rows that lead there.
 */
final class LookaheadGuesser implements Guesser {
  private final int level;
  private final int window;
  private final TokenHistory history;
  private final Set<Integer> endTokens;
  private final NgramPool pool;
  private final boolean poolFromPrompt;
  // which tokens fill the window decides nothing but speed
  private final Random random = new Random(0);
  // levels 0 to N-2 as far as they are filled; level 0 lacks the column of the newest token
  private final List<int[]> levels = new ArrayList<>();
  // rows of the columns of the highest level in the tree that is read
  private int[] highest;
  private int newest;
  // tokens of the history whose n-grams are in the pool
  private int pooled;

  LookaheadGuesser(Lookahead.Sizes sizes, TokenHistory history, Set<Integer> endTokens) {
    this.level = sizes.level();
    this.window = sizes.window();
    this.history = history;
    this.endTokens = endTokens;
    this.pool = new NgramPool(sizes.guesses());
    this.poolFromPrompt = sizes.poolFromPrompt();
  }

  @Override
  public TokenTree guess(int chosen, int room, TokenChooser chooser) {
    history.add(chosen);
    newest = chosen;
    if (levels.isEmpty()) {
      int[] first = new int[window + level - 3];
      for (int i = 0; i < first.length; i++) {
        first[i] = anyToken();
      }
      levels.add(first);
    }
    addNgramsOfHistory();
    TokenTree.Builder tree = TokenTree.builder(chosen);
    addWindow(tree);
    if (isFull()) {
      for (int[] continuation : pool.after(chosen)) {
        int[] guesses = Arrays.copyOf(continuation, Math.min(continuation.length, room - 1));
        int row = 0;
        for (int guess : chooser.continuations().prefix(guesses)) {
          row = tree.follow(row, guess);
        }
      }
    }
    return tree.build();
  }

  private void addWindow(TokenTree.Builder tree) {
    int[] first = levels.get(0);
    highest = new int[first.length + 1];
    for (int c = 0; c < first.length; c++) {
      highest[c + 1] = tree.add(highest[c], first[c]);
    }
    for (int l = 1; l < levels.size(); l++) {
      int[] rows = new int[highest.length];
      for (int c = 0; c < rows.length; c++) {
        rows[c] = tree.add(highest[c], levels.get(l)[c]);
      }
      highest = rows;
    }
  }

  private boolean isFull() {
    return levels.size() == level - 1;
  }

  @Override
  public void read(TokenTree tree, IntFunction<float[]> logits) {
    // while it is filled, the window loses its first column with each step
    int from = isFull() ? 0 : 1;
    int[] results = new int[highest.length - from];
    for (int c = 0; c < results.length; c++) {
      results[c] = argmax(logits.apply(highest[c + from]));
    }
    if (isFull()) {
      addNgramsOfWindow(results);
      levels.add(results);
      levels.remove(0);
    } else {
      for (int l = 1; l < levels.size(); l++) {
        levels.set(l, withoutFirst(levels.get(l)));
      }
      levels.add(results);
    }
    levels.set(0, withoutFirst(levels.get(0)));
    int[] last = levels.get(levels.size() - 1);
    for (int c = 0; c < last.length; c++) {
      // what follows the end of an answer is of no use
      last[c] = endTokens.contains(last[c]) ? anyToken() : last[c];
    }
  }

  private void addNgramsOfWindow(int[] results) {
    for (int c = 0; c < window; c++) {
      int[] continuation = new int[level - 1];
      for (int l = 1; l < level - 1; l++) {
        continuation[l - 1] = levels.get(l)[c];
      }
      continuation[level - 2] = results[c];
      pool.add(c == 0 ? newest : levels.get(0)[c - 1], continuation);
    }
  }

  private void addNgramsOfHistory() {
    if (!poolFromPrompt) {
      return;
    }
    for (; pooled + level <= history.size(); pooled++) {
      int[] continuation = new int[level - 1];
      for (int i = 0; i < continuation.length; i++) {
        continuation[i] = history.get(pooled + 1 + i);
      }
      pool.add(history.get(pooled), continuation);
    }
  }

  @Override
  public int choose(TokenTree tree, int row, float[] logits, TokenChooser chooser) {
    int token = chooser.next(logits);
    // the last one comes again as the newest token
    if (tree.child(row, token).isPresent()) {
      history.add(token);
    }
    return token;
  }

  private int anyToken() {
    return history.get(random.nextInt(history.size()));
  }

  private static int[] withoutFirst(int[] tokens) {
    return tokens.length == 0 ? tokens : Arrays.copyOfRange(tokens, 1, tokens.length);
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      if (logits[id] > logits[best]) {
        best = id;
      }
    }
    return best;
  }
}
