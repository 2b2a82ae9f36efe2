package org.longform.grammar;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.longform.decoding.Continuations;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.memo.RecentlyUsed;

/**
 * A grammar over the tokens of a vocabulary: for each place in the grammar the tokens that may
 * follow. They are found when a place is first reached, by walking the tree of the tokens' bytes
 * with the grammar, and kept; what may follow inside of a string, most of the vocabulary, is found
 * once for all strings (as XGrammar's tokens that do not depend on the context, arXiv 2411.15100).
 *
 * <p>From every place that is ever reached there is a way to the end: a token after which there
 * were none is not allowed. Special tokens are never allowed, except the end tokens at the end.
 *
 * <p>Thread-safe; one for each vocabulary and grammar serves all documents.
 */
public final class TokenAutomaton {
  /** No way to the end. */
  private static final int NEVER = Integer.MAX_VALUE;

  private static final long MASK_BYTES = 32L << 20;
  private static final int LEAST_MASKS = 64;
  private static final int MOST_DISTANCES = 1 << 16;

  // a text that is certain in more ways than this is not looked for
  private static final int MOST_CERTAIN = 256;

  private final TokenTrie trie;
  private final byte[][] bytes;
  private final Set<Integer> endTokens;
  private final Place start;
  // no token makes the way to the end longer by more tokens than this
  private final int largestJump;
  private final Map<Place, Mask> masks;
  private final Map<Place, Inside> insides;
  private final Map<Place, Integer> distances = new HashMap<>();

  /**
   * What may follow a place.
   *
   * @param forced the token that must follow, -1 if that is not certain
   */
  private record Mask(BitSet tokens, int forced) {}

  /**
   * What may follow a place in a rule, whatever follows the rule.
   *
   * @param tokens that end in the rule or with it
   * @param ends nodes of the tree at which the rule is over
   */
  private record Inside(BitSet tokens, int[] ends) {}

  TokenAutomaton(TokenTrie trie, byte[][] bytes, Set<Integer> endTokens, Rule grammar) {
    this.trie = trie;
    this.bytes = bytes;
    this.endTokens = Set.copyOf(endTokens);
    this.start = grammar.start(Place.END);
    this.largestJump = grammar.largestJump() + Math.min(trie.longest(), grammar.shortest()) + 2;
    int most = (int) Math.max(LEAST_MASKS, MASK_BYTES / (trie.size() / 8 + 64));
    this.masks = new RecentlyUsed<>(most);
    this.insides = new RecentlyUsed<>(LEAST_MASKS);
  }

  /**
   * What an answer may begin with.
   *
   * @param maxTokens of the answer; it ends validly within them
   * @throws LongformException INVALID_OPTION if no answer is that short, UNSUPPORTED_MODEL if the
   *     vocabulary cannot write any
   */
  public Continuations begin(int maxTokens) {
    int least = distance(start);
    if (least == NEVER) {
      throw new LongformException(
          ErrorClass.UNSUPPORTED_MODEL,
          "Cannot write %s: the model's vocabulary has no tokens for it. Use other names, or another model."
              .formatted(Labels.shortened(closingText())));
    }
    if (least > maxTokens) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot write %s: it takes %d tokens, and max_new_tokens is %d. Raise it, or ask for less."
              .formatted(Labels.shortened(closingText()), least, maxTokens));
    }
    return new Cursor(start, maxTokens);
  }

  private String closingText() {
    return new String(closing(start), StandardCharsets.UTF_8);
  }

  /** What a token writes; nothing for tokens that end the answer. */
  public byte[] bytes(int token) {
    return endTokens.contains(token) ? new byte[0] : bytes[token];
  }

  /** Places whose tokens are kept. */
  int keptMasks() {
    synchronized (masks) {
      return masks.size();
    }
  }

  private final class Cursor implements Continuations {
    private final Place place;
    // tokens that the answer may still have
    private final int room;
    // found when first asked for
    private Mask mask;
    private BitSet fitting;

    Cursor(Place place, int room) {
      this.place = place;
      this.room = room;
    }

    @Override
    public boolean any() {
      return false;
    }

    private Mask mask() {
      if (mask == null) {
        mask = TokenAutomaton.this.mask(place);
      }
      return mask;
    }

    /** Whether some token that the grammar allows might leave too little room for the end. */
    private boolean isTight() {
      return room - 1L < (long) distance(place) + largestJump;
    }

    @Override
    public BitSet wished() {
      return mask().tokens;
    }

    @Override
    public BitSet allowed() {
      if (!isTight()) {
        return wished();
      }
      if (fitting == null) {
        BitSet found = new BitSet(trie.size());
        new Walk(found, room - 1).from(TokenTrie.ROOT, place);
        if (place.accepts()) {
          endTokens.forEach(found::set);
        }
        fitting = found.equals(wished()) ? wished() : found;
      }
      return fitting;
    }

    @Override
    public boolean allows(int token) {
      if (endTokens.contains(token)) {
        return place.accepts();
      }
      Place next = token < bytes.length ? TokenAutomaton.this.step(place, token) : null;
      return next != null && distance(next) <= room - 1;
    }

    @Override
    public OptionalInt forced() {
      int forced = complete() ? -1 : mask().forced;
      return forced >= 0 && allows(forced) ? OptionalInt.of(forced) : OptionalInt.empty();
    }

    @Override
    public Continuations after(int token) {
      Place next =
          endTokens.contains(token) && place.accepts()
              ? Place.END
              : TokenAutomaton.this.step(place, token);
      if (next == null) {
        throw new IllegalArgumentException("token %d is not allowed here".formatted(token));
      }
      return new Cursor(next, room - 1);
    }

    @Override
    public boolean complete() {
      return place.isEnd();
    }
  }

  private Place step(Place place, int token) {
    return bytes[token] == null || bytes[token].length == 0 ? null : place.step(bytes[token]);
  }

  private Mask mask(Place place) {
    // counts that no token can use up make no difference
    Place key = place.capped(trie.longest() + 1);
    synchronized (masks) {
      Mask known = masks.get(key);
      if (known != null) {
        return known;
      }
    }
    BitSet tokens = new BitSet(trie.size());
    if (trie.isComplete()) {
      Inside inside = inside(key.alone());
      tokens.or(inside.tokens);
      for (int node : inside.ends) {
        new Walk(tokens, NEVER).from(node, key.then());
      }
    } else {
      new Walk(tokens, NEVER - 1).from(TokenTrie.ROOT, key);
    }
    boolean mayEnd = place.accepts();
    Mask found = new Mask(tokens, mayEnd ? -1 : forced(tokens));
    if (mayEnd) {
      endTokens.forEach(tokens::set);
    }
    synchronized (masks) {
      masks.put(key, found);
    }
    return found;
  }

  private Inside inside(Place alone) {
    synchronized (insides) {
      Inside known = insides.get(alone);
      if (known != null) {
        return known;
      }
    }
    BitSet tokens = new BitSet(trie.size());
    List<Integer> ends = new ArrayList<>();
    walkInside(TokenTrie.ROOT, alone, tokens, ends);
    Inside found = new Inside(tokens, ends.stream().mapToInt(node -> node).toArray());
    if (tokens.cardinality() > MOST_CERTAIN) {
      synchronized (insides) {
        insides.put(alone, found);
      }
    }
    return found;
  }

  private void walkInside(int node, Place place, BitSet tokens, List<Integer> ends) {
    if (place.accepts()) {
      // it is over, or may be over, and what follows begins here
      ends.add(node);
    }
    if (place.isEnd()) {
      return;
    }
    for (int child = trie.firstChild(node);
        child != TokenTrie.NONE;
        child = trie.nextSibling(child)) {
      Place next = place.step(trie.next(child));
      if (next != null) {
        add(child, tokens);
        walkInside(child, next, tokens, ends);
      }
    }
  }

  /** Finds the tokens that may follow. */
  private final class Walk {
    private final BitSet found;
    private final int mostLeft;
    // of the token before, which mostly leads to a place like this one
    private Place known;
    private int distanceOfKnown;

    /**
     * @param mostLeft tokens that the way to the end may have behind the token; {@code NEVER} if
     *     there always is one and it may have any number
     */
    Walk(BitSet found, int mostLeft) {
      this.found = found;
      this.mostLeft = mostLeft;
    }

    /** The tokens below a node at which a place was reached. */
    void from(int node, Place place) {
      if (place.isEnd()) {
        return;
      }
      for (int child = trie.firstChild(node);
          child != TokenTrie.NONE;
          child = trie.nextSibling(child)) {
        Place next = place.step(trie.next(child));
        if (next == null) {
          continue;
        }
        if (trie.firstToken(child) != TokenTrie.NONE && fits(next)) {
          add(child, found);
        }
        from(child, next);
      }
    }

    private boolean fits(Place next) {
      if (mostLeft == NEVER) {
        return true;
      }
      Place key = next.capped(1);
      if (!key.equals(known)) {
        distanceOfKnown = distance(next);
        known = key;
      }
      return distanceOfKnown <= mostLeft;
    }
  }

  private void add(int node, BitSet tokens) {
    for (int token = trie.firstToken(node);
        token != TokenTrie.NONE;
        token = trie.nextToken(token)) {
      tokens.set(token);
    }
  }

  /**
   * The longest of the tokens if all others are beginnings of it: then the text is certain, and
   * only in how many tokens it is written is not.
   */
  private int forced(BitSet tokens) {
    int count = tokens.cardinality();
    if (count == 0 || count > MOST_CERTAIN) {
      return -1;
    }
    int longest = tokens.nextSetBit(0);
    for (int id = longest; id >= 0; id = tokens.nextSetBit(id + 1)) {
      longest = bytes[id].length > bytes[longest].length ? id : longest;
    }
    for (int id = tokens.nextSetBit(0); id >= 0; id = tokens.nextSetBit(id + 1)) {
      for (int i = 0; i < bytes[id].length; i++) {
        if (bytes[id][i] != bytes[longest][i]) {
          return -1;
        }
      }
    }
    return longest;
  }

  /** How few tokens the way to the end has that {@link Place#closing} goes. */
  private int distance(Place place) {
    if (place.isEnd()) {
      return 0;
    }
    Place key = place.capped(1); // whatever may still come need not come
    synchronized (distances) {
      Integer known = distances.get(key);
      if (known != null) {
        return known;
      }
    }
    int found = trie.fewestTokens(closing(place));
    synchronized (distances) {
      if (distances.size() >= MOST_DISTANCES) {
        distances.clear();
      }
      distances.put(key, found);
    }
    return found;
  }

  private static byte[] closing(Place place) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    for (Place at = place; !at.accepts(); ) {
      int next = at.closing();
      text.write(next);
      at = at.step(next);
    }
    return text.toByteArray();
  }
}
