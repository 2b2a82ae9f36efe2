package org.longform.datasets.articles;

/**
 * A fact while its article is written: its place is known once it is stated, its repeats at the
 * end.
 */
final class FactDraft {
  private final String attribute;
  private final String name;
  private final String kind;
  private final String value;
  private long start = -1;
  private long end = -1;
  private int repeats;

  FactDraft(String attribute, String name, String kind, String value) {
    this.attribute = attribute;
    this.name = name;
    this.kind = kind;
    this.value = value;
  }

  String clause() {
    return Fact.clause(attribute, name, kind, value);
  }

  boolean isStated() {
    return start >= 0;
  }

  void stateAt(long offset, int length) {
    start = offset;
    end = offset + length;
  }

  void repeat() {
    repeats++;
  }

  Fact finished() {
    return new Fact(attribute, name, kind, value, start, end, repeats);
  }
}
