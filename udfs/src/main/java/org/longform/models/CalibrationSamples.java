package org.longform.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.tokenizer.TokenStream;
import org.longform.tokenizer.Tokenizer;

/**
 * The text that a model is calibrated on, cut into pieces of equal length: a text file, or a {@code
 * .jsonl} file whose objects have a {@code text}. It is read from its beginning on until there are
 * enough pieces; each begins as a document of the model does.
 */
final class CalibrationSamples {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final Tokenizer tokenizer;
  private final int vocabulary;
  private final List<int[]> samples = new ArrayList<>();
  private int[] sample = new int[0];
  private int filled;
  private long tokens;

  /**
   * @param vocabulary ids that the model knows
   */
  CalibrationSamples(Path file, Tokenizer tokenizer, int vocabulary) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
  }

  /**
   * Up to {@code count} pieces of {@code length} tokens.
   *
   * @throws LongformException INVALID_INPUT if there is not even one, or the file cannot be read
   */
  List<int[]> take(long count, int length) {
    sample = new int[length];
    begin();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      if (file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".jsonl")) {
        readObjects(reader, count);
      } else {
        read(tokenizer.stream(reader), count);
      }
    } catch (UncheckedIOException e) {
      throw unreadable(e.getCause());
    } catch (IOException e) {
      throw unreadable(e);
    }
    if (samples.isEmpty()) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot calibrate with '%s': %s, and one piece takes %d. Give more text or a smaller sample-tokens."
              .formatted(
                  file,
                  tokens == 0 ? "it has no text" : "it has %d tokens".formatted(tokens),
                  length));
    }
    return samples;
  }

  private void readObjects(Reader reader, long count) throws IOException {
    try (MappingIterator<JsonNode> objects = JSON.readerFor(JsonNode.class).readValues(reader)) {
      while (samples.size() < count && objects.hasNextValue()) {
        int line = objects.getCurrentLocation().getLineNr();
        JsonNode text = objects.nextValue().path("text");
        if (!text.isTextual()) {
          throw new LongformException(
              ErrorClass.INVALID_INPUT,
              "Cannot calibrate with '%s': what is in line %d is no object with a text. Write {\"text\": \"…\"} in each line."
                  .formatted(file, line));
        }
        read(tokenizer.stream(text.textValue()), count);
      }
    }
  }

  private void read(TokenStream stream, long count) {
    while (samples.size() < count && stream.hasNext()) {
      for (int id : stream.next().ids()) {
        if (samples.size() < count) {
          add(id);
        }
      }
    }
  }

  private void add(int id) {
    if (id >= vocabulary) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot calibrate with '%s': the tokenizer gives token %d, and the model knows %d. Use the tokenizer that belongs to the model."
              .formatted(file, id, vocabulary));
    }
    tokens++;
    sample[filled] = id;
    filled++;
    if (filled == sample.length) {
      samples.add(Arrays.copyOf(sample, filled));
      begin();
    }
  }

  private void begin() {
    filled = 0;
    // a piece of one token is that of the text
    if (tokenizer.addsBos() && tokenizer.bosId().isPresent() && sample.length > 1) {
      sample[0] = tokenizer.bosId().getAsInt();
      filled = 1;
    }
  }

  private LongformException unreadable(IOException e) {
    String why =
        !Files.exists(file)
            ? "there is no such file"
            : e instanceof CharacterCodingException
                ? "it is not UTF-8 text"
                : e instanceof JsonProcessingException json
                    ? "line %d is not JSON as it should be"
                        .formatted(json.getLocation() == null ? 1 : json.getLocation().getLineNr())
                    : "the file system refused (%s)".formatted(e);
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot calibrate with '%s': %s. Give a text or .jsonl file.".formatted(file, why),
        e);
  }
}
