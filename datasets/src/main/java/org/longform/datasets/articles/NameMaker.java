package org.longform.datasets.articles;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.longform.datasets.articles.ArticleVocabulary.Words;

/** Invents proper names, and sees to it that no kind has the same name twice in an article. */
final class NameMaker {
  private static final int REMEMBERED = 6;
  private static final int TRIES = 1000;

  private final PythonRandom random;
  private final double hard;
  private final Words words = ArticleVocabulary.bundled().words();
  private final Set<String> used = new HashSet<>();
  private final Deque<String> recent = new ArrayDeque<>();

  /**
   * @param hard chance that a new name resembles one of the last names
   */
  NameMaker(PythonRandom random, double hard) {
    this.random = random;
    this.hard = hard;
  }

  String invent() {
    if (random.random() < 0.75) {
      return random.choice(words.head()) + random.choice(words.tail());
    }
    return random.choice(words.head())
        + random.choice(words.middle())
        + random.choice(words.tail());
  }

  /** A name this kind has not had yet. */
  String newEntity(String kind) {
    for (int i = 0; i < TRIES; i++) {
      String name = candidate();
      if (claim(name, kind)) {
        recent.addLast(name);
        if (recent.size() > REMEMBERED) {
          recent.removeFirst();
        }
        return name;
      }
    }
    while (true) { // the short names of this kind are used up
      String name =
          random.choice(words.head())
              + random.choice(words.middle())
              + random.choice(words.tail())
              + random.choice(words.middle())
              + random.choice(words.tail());
      if (claim(name, kind)) {
        return name;
      }
    }
  }

  private String candidate() {
    if (!recent.isEmpty() && random.random() < hard) {
      List<String> last = new ArrayList<>(recent);
      String old = random.choice(last);
      return random.random() < 0.3 ? old : headOf(old) + random.choice(words.tail());
    }
    return invent();
  }

  private String headOf(String name) {
    return words.head().stream().filter(name::startsWith).findFirst().orElseThrow();
  }

  private boolean claim(String name, String kind) {
    return used.add(name + ' ' + kind);
  }
}
