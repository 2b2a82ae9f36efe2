package org.longform.kernels.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** JSON files from outside: bounded in size and depth, no key twice, nothing behind the end. */
public final class StrictJson {
  private static final int MAX_DEPTH = 32;

  /** Refuses duplicate keys and depth on the way. */
  static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(400)
                  .build())
          .build();

  private StrictJson() {}

  /**
   * The object in a file: values are maps, lists, strings, numbers (Integer, Long, BigInteger or
   * Double), booleans or null.
   *
   * @throws LongformException INVALID_MODEL naming the file and what is wrong
   */
  public static Map<String, Object> readObject(Path file, long maxBytes) {
    try {
      long bytes = Files.size(file);
      if (bytes > maxBytes) {
        throw invalid(
            file, "it has %d bytes, expected at most %d".formatted(bytes, maxBytes), null);
      }
      return parse(file, Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw invalid(file, "it is not JSON as it should be: " + firstLine(e), e);
    } catch (NoSuchFileException e) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot read '%s': the file does not exist. Name the directory that has it."
              .formatted(file),
          e);
    } catch (IOException e) {
      throw invalid(file, "it cannot be read (%s)".formatted(e), e);
    }
  }

  static String firstLine(JsonProcessingException e) {
    String message = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("");
    return message.length() <= 160 ? message : message.substring(0, 160) + "…";
  }

  private static Map<String, Object> parse(Path file, byte[] bytes) throws IOException {
    try (JsonParser parser = FACTORY.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid(file, "it does not hold a JSON object", null);
      }
      Map<String, Object> object = object(parser);
      if (parser.nextToken() != null) {
        throw invalid(file, "something follows the JSON object", null);
      }
      return object;
    }
  }

  private static Map<String, Object> object(JsonParser parser) throws IOException {
    Map<String, Object> object = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      parser.nextToken();
      object.put(key, value(parser));
    }
    return object;
  }

  private static Object value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> object(parser);
      case START_ARRAY -> {
        List<Object> list = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(parser));
        }
        yield list;
      }
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT -> parser.getNumberValue();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> Boolean.TRUE;
      case VALUE_FALSE -> Boolean.FALSE;
      default -> null;
    };
  }

  private static LongformException invalid(Path file, String why, Throwable cause) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot read '%s': %s. Download the file again.".formatted(file, why),
        cause);
  }
}
