package org.longform.datasets.articles;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.longform.datasets.articles.ArticleVocabulary.Attribute;
import org.longform.datasets.articles.ArticleVocabulary.Field;
import org.longform.datasets.articles.ArticleVocabulary.ValueForm;

/** Facts of a few new entities at a time, in mixed order, without end. */
final class FactSource implements Iterator<FactDraft> {
  private final PythonRandom random;
  private final NameMaker names;
  private final Field field;
  private final Deque<FactDraft> block = new ArrayDeque<>();

  FactSource(PythonRandom random, NameMaker names, Field field) {
    this.random = random;
    this.names = names;
    this.field = field;
  }

  @Override
  public boolean hasNext() {
    return true;
  }

  @Override
  public FactDraft next() {
    if (block.isEmpty()) {
      block.addAll(newBlock());
    }
    return block.removeFirst();
  }

  private List<FactDraft> newBlock() {
    List<FactDraft> facts = new ArrayList<>();
    long entities = random.randrange(1, 5);
    for (long i = 0; i < entities; i++) {
      String name = names.newEntity(field.kind());
      for (Attribute attribute : random.sample(field.attributes(), (int) random.randrange(1, 5))) {
        facts.add(new FactDraft(attribute.phrase(), name, field.kind(), valueOf(attribute)));
      }
    }
    random.shuffle(facts);
    return facts;
  }

  private String valueOf(Attribute attribute) {
    if (attribute.form() == ValueForm.TWO_WORDS) {
      ArticleVocabulary.Words words = ArticleVocabulary.bundled().words();
      return random.choice(words.colours()) + " " + random.choice(words.things());
    }
    String number = number(attribute.form());
    return attribute.unit().isEmpty() ? number : number + " " + attribute.unit();
  }

  private String number(ValueForm form) {
    return switch (form) {
      case THREE_DIGITS -> Long.toString(random.randrange(100, 1000));
      case FOUR_DIGITS -> Long.toString(random.randrange(1000, 10000));
      case DECIMAL -> random.randrange(10, 100) + "." + random.randrange(10);
      case TWO_WORDS ->
          throw new IllegalArgumentException(
              "Cannot write a number: two words have no digits (TWO_WORDS). Draw a colour and a thing.");
    };
  }
}
