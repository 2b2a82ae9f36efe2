package org.longform.grammar;

import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.Supplier;
import org.longform.memo.RecentlyUsed;
import org.longform.tokenizer.Tokenizer;

/** The newest automata of each tokenizer in use, shared by all documents of the process. */
public final class TokenAutomata {
  private static final int MOST = 32;
  private static final Map<Tokenizer, TokenAutomata> OF_TOKENIZERS = new WeakHashMap<>();

  private final byte[][] bytes;
  private final TokenTrie trie;
  private final Map<Key, TokenAutomaton> newest = new RecentlyUsed<>(MOST);

  private record Key(JsonType type, Set<Integer> endTokens) {}

  // nothing here may hold the tokenizer, which would then never be forgotten
  private TokenAutomata(byte[][] bytes) {
    this.bytes = bytes;
    this.trie = new TokenTrie(bytes);
  }

  /**
   * The automata of a tokenizer.
   *
   * @throws org.longform.kernels.error.LongformException UNSUPPORTED_MODEL if it is not known what
   *     its tokens write
   */
  public static TokenAutomata of(Tokenizer tokenizer) {
    synchronized (OF_TOKENIZERS) {
      return OF_TOKENIZERS.computeIfAbsent(tokenizer, each -> new TokenAutomata(each.tokenBytes()));
    }
  }

  /**
   * JSON of a type, perhaps behind a blank.
   *
   * @param endTokens tokens that end an answer
   */
  public TokenAutomaton json(JsonType type, Set<Integer> endTokens) {
    return find(new Key(type, endTokens), () -> made(new BlankFirst(type.rule()), endTokens));
  }

  private TokenAutomaton made(Rule grammar, Set<Integer> endTokens) {
    if (endTokens.stream().noneMatch(this::writes)) {
      return new TokenAutomaton(trie, bytes, endTokens, grammar);
    }
    // a model may end its answers with what is a text elsewhere: in one of these it would cut it
    byte[][] others = bytes.clone();
    endTokens.stream().filter(this::writes).forEach(token -> others[token] = null);
    return new TokenAutomaton(new TokenTrie(others), others, endTokens, grammar);
  }

  private boolean writes(int token) {
    return token >= 0 && token < bytes.length && bytes[token] != null;
  }

  private synchronized TokenAutomaton find(Key key, Supplier<TokenAutomaton> made) {
    return newest.computeIfAbsent(key, each -> made.get());
  }
}
