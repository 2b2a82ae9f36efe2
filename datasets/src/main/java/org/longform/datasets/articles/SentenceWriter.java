package org.longform.datasets.articles;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.longform.datasets.articles.ArticleVocabulary.Field;
import org.longform.datasets.articles.ArticleVocabulary.Words;

/** Fills templates with random words of a field. */
final class SentenceWriter {
  private final PythonRandom random;
  private final NameMaker names;
  private final Words words = ArticleVocabulary.bundled().words();

  SentenceWriter(PythonRandom random, NameMaker names) {
    this.random = random;
    this.names = names;
  }

  String write(Template template, Subject subject) {
    if (!template.hasHoles()) {
      return template.fill(Map.of());
    }
    // every word is drawn, in this order, whether the template uses it or not: the seed counts the
    // draws
    Field field = subject.field();
    Map<String, String> drawn = new HashMap<>();
    String topic = pick(field.topics());
    String adjective = pick(words.adjectives());
    drawn.put("field", field.name());
    drawn.put("topic", topic);
    drawn.put("topicc", Sentences.capitalised(topic));
    drawn.put("cause", pick(field.causes()));
    drawn.put("prop", pick(field.properties()));
    drawn.put("prop2", pick(field.properties()));
    drawn.put("plural", field.plural());
    drawn.put("kind", field.kind());
    drawn.put("adj", adjective);
    drawn.put("adjc", Sentences.capitalised(adjective));
    drawn.put("adj2", pick(words.adjectives()));
    drawn.put("adv", pick(words.adverbs()));
    drawn.put("verb", pick(words.verbs()));
    drawn.put("thing", pick(field.things()));
    drawn.put("thing2", pick(field.things()));
    drawn.put("act", pick(field.acts()));
    drawn.put("act2", pick(field.acts()));
    drawn.put("place", pick(words.places()));
    drawn.put("name", subject.instrument());
    drawn.put("small", Integer.toString(2 + below(38)));
    drawn.put("small2", Integer.toString(2 + below(38)));
    drawn.put("digit", Integer.toString(1 + below(9)));
    return template.fill(drawn);
  }

  String writeFinding(Field field) {
    String name = names.invent();
    String cause = random.choice(field.causes());
    String verb = random.choice(words.verbs());
    String property = random.choice(field.properties());
    String place = random.choice(words.places());
    return "The main finding is that %s %s the %s of the %s %s %s."
        .formatted(cause, verb, property, name, field.kind(), place);
  }

  // not choice(): these words are drawn by scaling a double, which takes another number of random
  // words
  private String pick(List<String> from) {
    return from.get(below(from.size()));
  }

  private int below(int bound) {
    return (int) (random.random() * bound);
  }

  /** What a study is about: its field and the invented name of its instrument. */
  record Subject(Field field, String instrument) {}
}
