package org.longform.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * One small text file of a model directory, read whole. It comes from outside: size, encoding and
 * syntax are checked, and every complaint names the file.
 */
public record ModelFile(Path path, String text) {
  /** Larger than any tokenizer known (about 35 MB), smaller than what would hurt an executor. */
  static final long MAX_BYTES = 128L << 20;

  private static final int MAX_NESTING = 200;
  private static final ObjectMapper JSON =
      new ObjectMapper(
          JsonFactory.builder()
              .streamReadConstraints(
                  StreamReadConstraints.builder()
                      .maxNestingDepth(MAX_NESTING)
                      .maxStringLength((int) MAX_BYTES)
                      .build())
              .build());

  /** The file, or empty where the directory has none of this name. */
  static Optional<ModelFile> find(Path modelDirectory, String name) {
    Path path = modelDirectory.resolve(name);
    return Files.exists(path) ? Optional.of(read(path)) : Optional.empty();
  }

  /** The exception for a model without a file that it must have. */
  static LongformException missing(Path model, String name) {
    return invalid(
        model.resolve(name),
        Files.exists(model) ? "it does not exist" : "its directory does not exist");
  }

  private static ModelFile read(Path path) {
    try {
      if (!Files.isRegularFile(path)) {
        throw invalid(path, "it is not a file");
      }
      long bytes = Files.size(path);
      if (bytes > MAX_BYTES) {
        throw invalid(path, "it has %d bytes, more than %d".formatted(bytes, MAX_BYTES));
      }
      ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(path));
      return new ModelFile(path, StandardCharsets.UTF_8.newDecoder().decode(content).toString());
    } catch (CharacterCodingException e) {
      throw invalid(path, "it is not UTF-8 text");
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot read model file '%s': %s. Check the path and its permissions."
              .formatted(path, e.getMessage()),
          e);
    }
  }

  /** The file's content, which must be a JSON object. */
  public JsonNode jsonObject() {
    JsonNode json;
    try {
      json = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw invalid("it is not JSON: " + e.getOriginalMessage());
    }
    if (!json.isObject()) {
      throw invalid("it must hold a JSON object");
    }
    return json;
  }

  /**
   * The exception that says what is wrong with this file.
   *
   * @param why completes "Cannot use model file '...':"; without a full stop
   */
  public LongformException invalid(String why) {
    return invalid(path, why);
  }

  private static LongformException invalid(Path path, String why) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot use model file '%s': %s. Download the model again or choose another."
            .formatted(path, why));
  }
}
