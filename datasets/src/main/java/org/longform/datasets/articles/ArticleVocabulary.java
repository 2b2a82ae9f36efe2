package org.longform.datasets.articles;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The words of the articles: syllables of names, fields with their attributes, and sentence
 * templates.
 *
 * <p>Read once from {@code vocabulary.json} beside this class. The order of every list is part of
 * the data: a seed names places in them.
 */
public final class ArticleVocabulary {
  private static final ArticleVocabulary BUNDLED = load();

  private final Words words;
  private final List<Field> fields;
  private final Map<String, List<Template>> templates;

  private ArticleVocabulary(Contents contents) {
    this.words = contents.words();
    this.fields = List.copyOf(contents.fields());
    this.templates =
        contents.templates().entrySet().stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    Map.Entry::getKey, e -> e.getValue().stream().map(Template::parse).toList()));
  }

  /** The one vocabulary this module ships. */
  public static ArticleVocabulary bundled() {
    return BUNDLED;
  }

  /** Names of the fields an article can be about, in their order. */
  public List<String> fieldNames() {
    return fields.stream().map(Field::name).toList();
  }

  Words words() {
    return words;
  }

  Field field(String name) {
    return find(name).orElseThrow(() -> unknownField(name));
  }

  List<Template> templates(String section) {
    return templates.get(section);
  }

  void requireFields(List<String> names) {
    if (names.isEmpty()) {
      throw new IllegalArgumentException(
          "Cannot write an article: no field is given (known: %s). Name at least one."
              .formatted(fieldNames()));
    }
    names.forEach(this::field);
  }

  private Optional<Field> find(String name) {
    return fields.stream().filter(field -> field.name().equals(name)).findFirst();
  }

  private IllegalArgumentException unknownField(String name) {
    return new IllegalArgumentException(
        "Cannot write an article: field '%s' is unknown (known: %s). Use one of these names."
            .formatted(name, fieldNames()));
  }

  private static ArticleVocabulary load() {
    try (InputStream in = ArticleVocabulary.class.getResourceAsStream("vocabulary.json")) {
      return new ArticleVocabulary(new ObjectMapper().readValue(in, Contents.class));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot read the vocabulary of synthetic articles: vocabulary.json is damaged. Rebuild longform-datasets.",
          e);
    }
  }

  record Contents(Words words, Map<String, List<String>> templates, List<Field> fields) {}

  /** Lists of words which do not depend on the field. */
  record Words(
      List<String> head,
      List<String> middle,
      List<String> tail,
      List<String> colours,
      List<String> things,
      List<String> adjectives,
      List<String> adverbs,
      List<String> verbs,
      List<String> places,
      List<String> leads) {}

  /** A field of research: what its facts are about and the words of its sentences. */
  record Field(
      String name,
      String kind,
      String plural,
      List<Attribute> attributes,
      List<String> topics,
      List<String> things,
      List<String> acts,
      List<String> properties,
      List<String> causes) {}

  /**
   * What can be stated of a named thing, the form of its value and the unit, empty if it has none.
   */
  record Attribute(String phrase, ValueForm form, String unit) {}

  enum ValueForm {
    THREE_DIGITS,
    FOUR_DIGITS,
    /** two digits, a point, one digit */
    DECIMAL,
    /** a colour and a thing */
    TWO_WORDS
  }
}
