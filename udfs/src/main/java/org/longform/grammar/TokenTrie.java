package org.longform.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The tokens of a vocabulary as a tree of their bytes. Node 0 is the beginning; a node's children
 * come after it, smallest byte first. Immutable.
 */
final class TokenTrie {
  static final int ROOT = 0;
  static final int NONE = -1;

  private final int size;
  private final int longest;
  private final boolean complete;
  private byte[] bytes = new byte[1024];
  private int[] firstChild = new int[1024];
  private int[] nextSibling = new int[1024];
  private int[] firstToken = new int[1024];
  private int nodes;
  // of tokens that write the same bytes the next one
  private final int[] nextToken;
  private final int[] firstOfByte = new int[256];

  /**
   * @param tokens by id what each writes into a text; null or empty for those that none may have
   */
  TokenTrie(byte[][] tokens) {
    this.size = tokens.length;
    this.nextToken = new int[size];
    Arrays.fill(nextToken, NONE);
    addNode((byte) 0);
    int[] order =
        IntStream.range(0, size)
            .filter(id -> tokens[id] != null && tokens[id].length > 0)
            .boxed()
            .sorted(Comparator.comparing((Integer id) -> tokens[id], Arrays::compareUnsigned))
            .mapToInt(id -> id)
            .toArray();
    int most = 0;
    int[] lastChild = new int[1024];
    for (int token : order) {
      byte[] text = tokens[token];
      most = Math.max(most, text.length);
      int at = ROOT;
      for (byte next : text) {
        // tokens come in order, so what they have in common is the newest child each time
        int last = at < lastChild.length ? lastChild[at] : 0;
        if (last == 0 || bytes[last] != next) {
          int child = addNode(next);
          if (lastChild.length < firstChild.length) {
            lastChild = Arrays.copyOf(lastChild, firstChild.length);
          }
          if (last == 0) {
            firstChild[at] = child;
          } else {
            nextSibling[last] = child;
          }
          lastChild[at] = child;
          last = child;
        }
        at = last;
      }
      appendToken(at, token);
    }
    this.longest = most;
    Arrays.fill(firstOfByte, NONE);
    for (int node = firstChild[ROOT]; node != NONE; node = nextSibling[node]) {
      firstOfByte[bytes[node] & 0xFF] = node;
    }
    this.complete =
        IntStream.rangeClosed(0x20, 0xF4)
            .filter(each -> each != 0xC0 && each != 0xC1) // no text has these
            .allMatch(each -> firstOfByte[each] != NONE && firstToken[firstOfByte[each]] != NONE);
  }

  private int addNode(byte next) {
    if (nodes == bytes.length) {
      bytes = Arrays.copyOf(bytes, 2 * nodes);
      firstChild = Arrays.copyOf(firstChild, 2 * nodes);
      nextSibling = Arrays.copyOf(nextSibling, 2 * nodes);
      firstToken = Arrays.copyOf(firstToken, 2 * nodes);
    }
    bytes[nodes] = next;
    firstChild[nodes] = NONE;
    nextSibling[nodes] = NONE;
    firstToken[nodes] = NONE;
    return nodes++;
  }

  // sorting keeps equal tokens in the order of their ids
  private void appendToken(int node, int token) {
    if (firstToken[node] == NONE) {
      firstToken[node] = token;
      return;
    }
    int last = firstToken[node];
    while (nextToken[last] != NONE) {
      last = nextToken[last];
    }
    nextToken[last] = token;
  }

  /** One more than the largest id. */
  int size() {
    return size;
  }

  /** Bytes of the longest token. */
  int longest() {
    return longest;
  }

  /**
   * Whether each byte of UTF-8 texts without control characters has a token of its own, so that
   * every way to the end can be gone.
   */
  boolean isComplete() {
    return complete;
  }

  int firstChild(int node) {
    return firstChild[node];
  }

  int nextSibling(int node) {
    return nextSibling[node];
  }

  /** The byte that leads to a node. */
  int next(int node) {
    return bytes[node] & 0xFF;
  }

  /** The first token that ends at a node; -1 if none does. */
  int firstToken(int node) {
    return firstToken[node];
  }

  /** The next token with the same bytes; -1 if there is none. */
  int nextToken(int token) {
    return nextToken[token];
  }

  /** The node behind one more byte; -1 if there is none. */
  int child(int node, int next) {
    if (node == ROOT) {
      return firstOfByte[next];
    }
    for (int child = firstChild[node]; child != NONE; child = nextSibling[child]) {
      if (next(child) == next) {
        return child;
      }
    }
    return NONE;
  }

  /**
   * How few tokens write a text.
   *
   * @return {@link Integer#MAX_VALUE} if none do
   */
  int fewestTokens(byte[] text) {
    int[] fewest = new int[text.length + 1];
    for (int from = text.length - 1; from >= 0; from--) {
      fewest[from] = Integer.MAX_VALUE;
      int node = ROOT;
      for (int to = from; to < text.length; to++) {
        node = child(node, text[to] & 0xFF);
        if (node == NONE) {
          break;
        }
        if (firstToken[node] != NONE && fewest[to + 1] != Integer.MAX_VALUE) {
          fewest[from] = Math.min(fewest[from], 1 + fewest[to + 1]);
        }
      }
    }
    return fewest[0];
  }
}
