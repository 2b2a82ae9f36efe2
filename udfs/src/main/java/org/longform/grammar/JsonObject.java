package org.longform.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * A JSON object without white space whose members come in a fixed order; those that are not
 * required may be missing.
 */
final class JsonObject extends Rule {
  /**
   * A member.
   *
   * @param name as JSON, in quotes
   */
  record Member(byte[] name, Rule value, boolean required) {}

  private final List<Member> members;
  // what may follow where the next member is this one or a later one: the first, or not the first
  private final Next[] first;
  private final Next[] later;
  private final int longestClosing;
  private final int largestJump;

  JsonObject(List<Member> members) {
    this.members = List.copyOf(members);
    int count = members.size();
    this.first = new Next[count + 1];
    this.later = new Next[count + 1];
    for (int i = count; i >= 0; i--) {
      later[i] = new Next(i, true);
      first[i] = new Next(i, false);
    }
    this.longestClosing = computeLongestClosing();
    this.largestJump = computeLargestJump();
  }

  private int computeLongestClosing() {
    long longest = shortest();
    for (int i = 0; i <= members.size(); i++) {
      longest = Math.max(longest, Math.max(first[i].largestCost(), later[i].largestCost()));
    }
    for (int i = 0; i < members.size(); i++) {
      longest =
          Math.max(longest, (long) members.get(i).value.longestClosing() + later[i + 1].shortest());
    }
    return Math.toIntExact(longest);
  }

  private int computeLargestJump() {
    int largest = 2;
    for (Member member : members) {
      largest = Math.max(largest, 2 + member.name.length + member.value.longestClosing());
    }
    return largest;
  }

  @Override
  Place step(Place here, int next) {
    return next == '{' ? first[0].start(here.then()) : null;
  }

  @Override
  int closing(Place here) {
    return '{';
  }

  @Override
  int shortest() {
    return 1 + first[0].shortest();
  }

  @Override
  int longestClosing() {
    return longestClosing;
  }

  @Override
  int largestJump() {
    return largestJump;
  }

  /** The name of the next member with what stands around it, or the end of the object. */
  private final class Next extends Rule {
    private final WordTrie words;
    private final List<Integer> memberOfWord = new ArrayList<>();

    Next(int from, boolean behindAnother) {
      List<byte[]> texts = new ArrayList<>();
      List<Long> costs = new ArrayList<>();
      int i = from;
      for (boolean open = true; open && i < members.size(); i++) {
        Member member = members.get(i);
        texts.add(text(member.name, behindAnother));
        costs.add((long) member.value.shortest() + later[i + 1].shortest());
        memberOfWord.add(i);
        open = !member.required;
      }
      if (i == members.size() && (i == from || !members.get(i - 1).required)) {
        texts.add(new byte[] {'}'});
        costs.add(0L);
        memberOfWord.add(members.size());
      }
      this.words = new WordTrie(texts, costs.stream().mapToLong(cost -> cost).toArray());
    }

    private static byte[] text(byte[] name, boolean behindAnother) {
      int before = behindAnother ? 1 : 0;
      byte[] text = new byte[before + name.length + 1];
      text[0] = ',';
      System.arraycopy(name, 0, text, before, name.length);
      text[text.length - 1] = ':';
      return text;
    }

    @Override
    Place step(Place here, int next) {
      int node = words.child(here.at(), next);
      if (node < 0) {
        return null;
      }
      // no name is the beginning of another, since the quote that ends it stands in none
      if (words.word(node) < 0) {
        return here.with(node);
      }
      int member = memberOfWord.get(words.word(node));
      return member == members.size()
          ? here.then()
          : members.get(member).value.start(later[member + 1].start(here.then()));
    }

    @Override
    int closing(Place here) {
      return words.cheapest(here.at());
    }

    @Override
    int shortest() {
      return (int) words.cost(0);
    }

    long largestCost() {
      return words.largestCost();
    }

    @Override
    int longestClosing() {
      return longestClosing;
    }

    @Override
    int largestJump() {
      return largestJump;
    }
  }
}
