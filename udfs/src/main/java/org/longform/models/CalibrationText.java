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
import java.util.SplittableRandom;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.tokenizer.TokenStream;
import org.longform.tokenizer.Tokenizer;

/**
 * A text that stands for what a model will read, and pieces of it, of equal length, on which the
 * model is observed: a text file, or a {@code .jsonl} file whose objects have a {@code text}.
 *
 * @param file UTF-8
 * @param tokenizer that of the model
 * @param vocabulary ids that the model knows
 */
public record CalibrationText(Path file, Tokenizer tokenizer, int vocabulary) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** So many tokens are held where any of them may be drawn; a few thousand are used. */
  private static final int MOST_TOKENS = 1 << 26;

  /** Takes tokens in their order. */
  private interface Sink {
    /** Whether it needs another one. */
    boolean wantsMore();

    void take(int id);
  }

  /**
   * Up to {@code count} pieces of {@code length} tokens one after the other, from the beginning on.
   * Each begins as a document of the model does.
   *
   * @throws LongformException INVALID_INPUT if there is not even one, or the file cannot be read
   */
  public List<int[]> fromBeginning(long count, int length) {
    InOrder pieces = new InOrder(count, length);
    long tokens = read(pieces);
    requirePiece(!pieces.pieces.isEmpty(), tokens, length);
    return pieces.pieces;
  }

  /**
   * Pieces from random places, which may overlap.
   *
   * @throws LongformException INVALID_INPUT if the text has not the tokens of one, or the file
   *     cannot be read
   */
  public List<int[]> atRandom(int count, int length, long seed) {
    All all = new All();
    read(all);
    requirePiece(all.count >= length, all.count, length);
    SplittableRandom random = new SplittableRandom(seed);
    List<int[]> pieces = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int from = random.nextInt(all.count - length + 1);
      pieces.add(Arrays.copyOfRange(all.ids, from, from + length));
    }
    return pieces;
  }

  private void requirePiece(boolean any, long tokens, int length) {
    if (!any) {
      throw refused(
          "%s, and one piece takes %d. Give more text or a smaller sample-tokens."
              .formatted(
                  tokens == 0 ? "it has no text" : "it has %d tokens".formatted(tokens), length),
          null);
    }
  }

  /** Reads as far as the sink wants; how many tokens it took. */
  private long read(Sink sink) {
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".jsonl")
          ? readObjects(reader, sink)
          : read(tokenizer.stream(reader), sink);
    } catch (UncheckedIOException e) {
      throw unreadable(e.getCause());
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private long readObjects(Reader reader, Sink sink) throws IOException {
    long tokens = 0;
    try (MappingIterator<JsonNode> objects = JSON.readerFor(JsonNode.class).readValues(reader)) {
      while (sink.wantsMore() && objects.hasNextValue()) {
        int line = objects.getCurrentLocation().getLineNr();
        JsonNode text = objects.nextValue().path("text");
        if (!text.isTextual()) {
          throw refused(
              "what is in line %d is no object with a text. Write {\"text\": \"…\"} in each line."
                  .formatted(line),
              null);
        }
        tokens += read(tokenizer.stream(text.textValue()), sink);
      }
    }
    return tokens;
  }

  private long read(TokenStream stream, Sink sink) {
    long tokens = 0;
    while (sink.wantsMore() && stream.hasNext()) {
      for (int id : stream.next().ids()) {
        if (sink.wantsMore()) {
          requireKnown(id);
          sink.take(id);
          tokens++;
        }
      }
    }
    return tokens;
  }

  private void requireKnown(int id) {
    if (id >= vocabulary) {
      throw new LongformException(
          ErrorClass.INVALID_MODEL,
          "Cannot calibrate with '%s': the tokenizer gives token %d, and the model knows %d. Use the tokenizer that belongs to the model."
              .formatted(file, id, vocabulary));
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
    return refused(why + ". Give a text or .jsonl file.", e);
  }

  /**
   * @param why with its remedy
   */
  private LongformException refused(String why, Throwable cause) {
    return new LongformException(
        ErrorClass.INVALID_INPUT, "Cannot calibrate with '%s': %s".formatted(file, why), cause);
  }

  /** Pieces one after the other. */
  private final class InOrder implements Sink {
    private final long wanted;
    private final int[] piece;
    private final List<int[]> pieces = new ArrayList<>();
    private int filled;

    InOrder(long wanted, int length) {
      this.wanted = wanted;
      this.piece = new int[length];
      begin();
    }

    private void begin() {
      filled = 0;
      // a piece of one token is that of the text
      if (tokenizer.addsBos() && tokenizer.bosId().isPresent() && piece.length > 1) {
        piece[0] = tokenizer.bosId().getAsInt();
        filled = 1;
      }
    }

    @Override
    public boolean wantsMore() {
      return pieces.size() < wanted;
    }

    @Override
    public void take(int id) {
      piece[filled] = id;
      filled++;
      if (filled == piece.length) {
        pieces.add(piece.clone());
        begin();
      }
    }
  }

  /** The whole text. */
  private final class All implements Sink {
    private int[] ids = new int[1024];
    private int count;

    @Override
    public boolean wantsMore() {
      return true;
    }

    @Override
    public void take(int id) {
      if (count == MOST_TOKENS) {
        throw refused(
            "it has more than %,d tokens, which are enough. Give a part of it."
                .formatted(MOST_TOKENS),
            null);
      }
      if (count == ids.length) {
        ids = Arrays.copyOf(ids, 2 * count);
      }
      ids[count] = id;
      count++;
    }
  }
}
