package org.longform.spark.job.input;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * What one line of JSON says about a document.
 *
 * @param text null if the line has none
 * @param id null if the line has none
 * @param questions empty if the line has none
 */
record JsonLine(String text, String id, List<String> questions) {
  // a document may be longer than the 20 million characters Jackson allows a text by default
  private static final ObjectMapper JSON =
      new ObjectMapper(
          JsonFactory.builder()
              .streamReadConstraints(
                  StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
              .build());

  private static final int SHOWN = 40;

  /** The fields that count; empty for none. */
  record Fields(String text, String id, String questions) implements java.io.Serializable {}

  /**
   * @throws LongformException MALFORMED_DOCUMENT if the line is not one JSON object in UTF-8, or
   *     its text is no text
   */
  static JsonLine parse(String path, byte[] line, Fields fields) {
    String text = null;
    String id = null;
    List<String> questions = List.of();
    try (JsonParser json = JSON.createParser(line)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw malformed(path, line, "it is not a JSON object");
      }
      for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
        JsonToken value = json.nextToken();
        if (name.equals(fields.text())) {
          text = text(json, path, line, name);
        } else if (name.equals(fields.id())) {
          id = text(json, path, line, name);
        } else if (name.equals(fields.questions())) {
          questions =
              value == JsonToken.VALUE_NULL ? List.of() : QuestionList.of(JSON.readTree(json));
        } else {
          json.skipChildren();
        }
      }
      if (json.currentToken() != JsonToken.END_OBJECT || json.nextToken() != null) {
        throw malformed(path, line, "there is more than one JSON object");
      }
    } catch (JsonProcessingException e) {
      throw malformed(path, line, "it is not JSON (" + e.getOriginalMessage() + ")");
    } catch (IOException e) {
      throw malformed(path, line, "it is not UTF-8 (" + e.getMessage() + ")");
    }
    return new JsonLine(text, id, questions);
  }

  private static String text(JsonParser json, String path, byte[] line, String name)
      throws IOException {
    if (json.currentToken() == JsonToken.VALUE_NULL) {
      return null;
    }
    if (json.currentToken().isScalarValue()) {
      return json.getText();
    }
    throw malformed(path, line, "its field '" + name + "' is no text");
  }

  private static LongformException malformed(String path, byte[] line, String why) {
    String start =
        new String(line, 0, Math.min(line.length, SHOWN), java.nio.charset.StandardCharsets.UTF_8);
    return new LongformException(
        ErrorClass.MALFORMED_DOCUMENT,
        "Cannot read a line of '%s': %s; it begins with '%s'. Correct the line or leave it out."
            .formatted(path, why, start));
  }
}
