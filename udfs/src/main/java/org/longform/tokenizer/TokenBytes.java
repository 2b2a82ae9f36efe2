package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** What the tokens of a vocabulary write into the middle of a text, as bytes. */
final class TokenBytes {
  private static final Pattern BYTE = Pattern.compile("<0x([0-9A-Fa-f]{2})>");

  // steps of a decoder that change no bytes in the middle of a text
  private static final Set<String> HARMLESS = Set.of("Fuse", "Strip");

  private final List<JsonNode> steps = new ArrayList<>();

  private TokenBytes(JsonNode decoder) {
    collect(decoder);
  }

  private void collect(JsonNode decoder) {
    if (decoder.path("type").asText().equals("Sequence")) {
      decoder.path("decoders").forEach(this::collect);
    } else {
      steps.add(decoder);
    }
  }

  /**
   * The bytes of each token by id; null for added tokens, which no text means, and for bytes that a
   * token writes as text, too.
   *
   * @throws LongformException UNSUPPORTED_MODEL for a decoder that is not known
   */
  static byte[][] of(TokenizerJson json) {
    return new TokenBytes(json.decoder()).bytes(json.textTokens(), json.vocabularySize());
  }

  private byte[][] bytes(Map<Integer, String> tokens, int size) {
    byte[][] bytes = new byte[size][];
    if (has("ByteLevel")) {
      Map<Character, Byte> alphabet = byteAlphabet();
      tokens.forEach((id, text) -> bytes[id] = ofLetters(text, alphabet));
      return bytes;
    }
    String blank = blank();
    boolean fallback = has("ByteFallback");
    Set<String> written = new HashSet<>(tokens.values());
    tokens.forEach(
        (id, text) -> {
          Matcher one = BYTE.matcher(text);
          if (fallback && one.matches()) {
            int value = Integer.parseInt(one.group(1), 16);
            boolean twice = value < 0x80 && written.contains(value == ' ' ? blank : letter(value));
            bytes[id] = twice ? null : new byte[] {(byte) value};
          } else {
            bytes[id] = text.replace(blank, " ").getBytes(StandardCharsets.UTF_8);
          }
        });
    return bytes;
  }

  private static String letter(int ascii) {
    return String.valueOf((char) ascii);
  }

  private boolean has(String type) {
    return steps.stream().anyMatch(step -> step.path("type").asText().equals(type));
  }

  /** What stands for a blank in the vocabulary. */
  private String blank() {
    String found = null;
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      if (type.equals("Metaspace")) {
        found = step.path("replacement").asText(SentencePieceVocabulary.BLANK);
      } else if (type.equals("Replace") && step.path("content").asText().equals(" ")) {
        found = step.path("pattern").path("String").asText();
      } else if (!type.equals("ByteFallback") && !HARMLESS.contains(type)) {
        throw unknown(type);
      }
    }
    if (found == null || found.isEmpty()) {
      throw unknown(steps.stream().map(step -> step.path("type").asText()).toList().toString());
    }
    return found;
  }

  private static LongformException unknown(String decoder) {
    return new LongformException(
        ErrorClass.UNSUPPORTED_MODEL,
        "Cannot write JSON with this model: how its tokenizer's decoder '%s' joins tokens is not known (known: ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip). Use another model."
            .formatted(decoder));
  }

  private static byte[] ofLetters(String text, Map<Character, Byte> alphabet) {
    byte[] bytes = new byte[text.length()];
    for (int i = 0; i < bytes.length; i++) {
      Byte value = alphabet.get(text.charAt(i));
      if (value == null) {
        // as Hugging Face's decoder: a token with any other letter is a text
        return text.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = value;
    }
    return bytes;
  }

  /** The letters by which byte-level vocabularies write bytes (GPT-2, bytes_to_unicode). */
  private static Map<Character, Byte> byteAlphabet() {
    Map<Character, Byte> alphabet = new HashMap<>();
    int others = 0;
    for (int value = 0; value < 256; value++) {
      boolean printable =
          (value >= '!' && value <= '~')
              || (value >= 0xA1 && value <= 0xAC)
              || (value >= 0xAE && value <= 0xFF);
      alphabet.put((char) (printable ? value : 256 + others++), (byte) value);
    }
    return alphabet;
  }
}
