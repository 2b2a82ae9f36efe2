package org.longform.datasets.tasks;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.longform.datasets.articles.ArticleReader;
import org.longform.datasets.articles.ArticleSpec;
import org.longform.datasets.articles.ArticleStream;
import org.longform.datasets.articles.Fact;

/**
 * Writes corpora of synthetic articles as JSON lines in UTF-8, one article a line:
 *
 * <pre>{"doc_id", "title", "length_tokens_target", "text",
 *  "questions": [{"question", "answer", "start", "end", "depth"}], "summary"}</pre>
 *
 * <p>{@code start} and {@code end} frame the stating sentence in {@code text}, in characters;
 * {@code depth} is the true one, start over length. Texts are streamed, so an article may be longer
 * than memory. Each article asks at most as many questions as the request has depths, never a fact
 * twice.
 */
public final class CorpusGenerator {
  private CorpusGenerator() {}

  /** Writes the corpus; the stream stays open. */
  public static void write(CorpusRequest request, OutputStream out) throws IOException {
    try (JsonGenerator json = jsonLines(out)) {
      for (long length : request.lengthsTokens()) {
        for (int i = 0; i < request.articlesPerLength(); i++) {
          writeArticle(json, request, length, "%s-%d-%d".formatted(request.seed(), length, i));
        }
      }
      json.writeRaw('\n');
    }
  }

  /** Writes articles of the model card's evaluation, of one length; the stream stays open. */
  public static void write(
      NeedleRequest request, ToIntFunction<String> tokenCount, OutputStream out)
      throws IOException {
    try (JsonGenerator json = jsonLines(out)) {
      for (NeedleCases cases = new NeedleCases(request, tokenCount); cases.hasNext(); ) {
        NeedleCase needle = cases.next();
        json.writeStartObject();
        json.writeStringField("doc_id", needle.id());
        json.writeNumberField("length_tokens_target", request.lengthTokens());
        json.writeStringField("text", needle.text());
        json.writeArrayFieldStart("questions");
        for (AskedFact asked : needle.questions()) {
          writeQuestion(json, asked.fact(), asked.depth());
        }
        json.writeEndArray();
        json.writeEndObject();
      }
      json.writeRaw('\n');
    }
  }

  private static JsonGenerator jsonLines(OutputStream out) throws IOException {
    JsonFactory factory =
        JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_TARGET).build();
    JsonGenerator json = factory.createGenerator(out);
    json.setPrettyPrinter(new MinimalPrettyPrinter("\n"));
    return json;
  }

  private static void writeQuestion(JsonGenerator json, Fact fact, double depth)
      throws IOException {
    json.writeStartObject();
    json.writeStringField("question", fact.question());
    json.writeStringField("answer", fact.answer());
    json.writeNumberField("start", fact.start());
    json.writeNumberField("end", fact.end());
    json.writeNumberField("depth", depth);
    json.writeEndObject();
  }

  private static void writeArticle(
      JsonGenerator json, CorpusRequest request, long length, String docId) throws IOException {
    ArticleStream stream =
        new ArticleStream(ArticleSpec.of(docId, length).withFinding(request.finding()));
    json.writeStartObject();
    json.writeStringField("doc_id", docId);
    json.writeStringField("title", stream.title());
    json.writeNumberField("length_tokens_target", length);
    json.writeFieldName("text");
    json.writeString(new ArticleReader(stream), -1);
    json.writeArrayFieldStart("questions");
    for (Fact fact : asked(stream.facts(), stream.length(), request.depths())) {
      writeQuestion(json, fact, (double) fact.start() / stream.length());
    }
    json.writeEndArray();
    json.writeStringField("summary", stream.finding().orElse(null));
    json.writeEndObject();
  }

  private static List<Fact> asked(List<Fact> facts, long length, List<Double> depths) {
    List<Fact> left = new ArrayList<>(facts.stream().filter(fact -> fact.repeats() == 0).toList());
    List<Fact> asked = new ArrayList<>();
    for (double depth : depths) {
      for (AskedFact nearest : Depths.nearest(left, length, depth, 1)) {
        asked.add(nearest.fact());
        left.remove(nearest.fact());
      }
    }
    return asked;
  }
}
