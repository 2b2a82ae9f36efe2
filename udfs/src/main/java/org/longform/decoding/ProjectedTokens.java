package org.longform.decoding;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.longform.kernels.model.HiddenStates;
import org.longform.kernels.model.InputEmbeddings;
import org.longform.kernels.tensor.Tensor;

/**
 * Tokens on their way from the large model to the small one: first as ids that the large one has
 * not read to the end, then as projected states that the small one has not read.
 */
final class ProjectedTokens implements HiddenStates, InputEmbeddings {
  private final Projector projector;
  private final boolean replaces;
  private final Deque<float[]> states;
  private int[] ids = new int[0];
  // index in the document of the first of the states, and of the first id
  private long firstState;
  private long firstId;

  ProjectedTokens(Projector projector, boolean replaces) {
    this(projector, replaces, new ArrayDeque<>());
  }

  private ProjectedTokens(Projector projector, boolean replaces, Deque<float[]> states) {
    this.projector = projector;
    this.replaces = replaces;
    this.states = states;
  }

  /** Takes ids that the large model is about to read. */
  void waiting(int[] tokens, int from, int count) {
    int size = ids.length;
    ids = Arrays.copyOf(ids, size + count);
    System.arraycopy(tokens, from, ids, size, count);
  }

  /** The ids whose states are here: they may be read by the small model. */
  int[] ready() {
    int count = (int) Math.min(ids.length, firstState + states.size() - firstId);
    int[] ready = Arrays.copyOf(ids, count);
    ids = Arrays.copyOfRange(ids, count, ids.length);
    firstId += count;
    return ready;
  }

  @Override
  public void add(long firstRow, float[] hidden) {
    float[] projected = projector.project(hidden);
    int width = projector.outputs();
    for (int at = 0; at < projected.length; at += width) {
      states.add(Arrays.copyOfRange(projected, at, at + width));
    }
  }

  @Override
  public void apply(long firstRow, Tensor embeddings) {
    // a block that failed comes again, those before it do not
    while (firstState < firstRow) {
      states.removeFirst();
      firstState++;
    }
    int width = projector.outputs();
    float[] row = new float[width];
    long at = 0;
    for (float[] state : states) {
      if (at == embeddings.elements()) {
        return;
      }
      if (!replaces) {
        embeddings.read(at, row);
        for (int i = 0; i < width; i++) {
          row[i] += state[i];
        }
      }
      embeddings.write(at, replaces ? state : row);
      at += width;
    }
    if (at < embeddings.elements()) {
      throw new IllegalStateException(
          "the small model reads token %d before the large one".formatted(firstRow + at / width));
    }
  }

  /** What a fork of both models goes on with. */
  ProjectedTokens fork() {
    ProjectedTokens fork = new ProjectedTokens(projector, replaces, new ArrayDeque<>(states));
    fork.ids = ids;
    fork.firstState = firstState;
    fork.firstId = firstId;
    return fork;
  }
}
