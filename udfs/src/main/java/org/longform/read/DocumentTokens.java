package org.longform.read;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the tokens of a document stand as characters of the text. Takes little more than a byte a
 * token, as a document may have many millions of them: of each token only the way from the middle
 * of the one before to its own middle is kept.
 */
final class DocumentTokens {
  private static final int BLOCK = 256;

  /** Stands for a step that does not fit into a byte; the token's place is then in {@link #far}. */
  private static final int FAR = 255;

  private record Block(long firstMiddle, byte[] steps) {}

  private final List<Block> blocks = new ArrayList<>();
  private final Map<Long, Long> far = new HashMap<>();
  private long count;
  private long lastMiddle;

  /** Adds the next token, which stands for characters {@code start} to {@code end}. */
  void add(long start, long end) {
    long middle = (start + Math.max(start, end - 1)) / 2;
    int inBlock = (int) (count % BLOCK);
    if (inBlock == 0) {
      blocks.add(new Block(middle, new byte[BLOCK]));
    } else {
      long step = middle - lastMiddle;
      boolean fits = step >= 0 && step < FAR;
      if (!fits) {
        far.put(count, middle);
      }
      blocks.get(blocks.size() - 1).steps()[inBlock] = (byte) (fits ? step : FAR);
    }
    lastMiddle = middle;
    count++;
  }

  long count() {
    return count;
  }

  /** The middle character of a token. */
  long middle(long index) {
    Block block = blocks.get((int) (index / BLOCK));
    long first = index - index % BLOCK;
    long middle = block.firstMiddle();
    for (int i = 1; i <= index % BLOCK; i++) {
      int step = block.steps()[i] & 0xFF;
      middle = step == FAR ? far.get(first + i) : middle + step;
    }
    return middle;
  }
}
