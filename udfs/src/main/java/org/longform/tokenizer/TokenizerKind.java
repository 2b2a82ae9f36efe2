package org.longform.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;

/**
 * What a model's tokenizer is, from its files alone: nothing is loaded.
 *
 * @param kind for example "byte-level BPE"
 * @param vocabulary one more than the largest id
 * @param specialTokens how many tokens no text means
 * @param bosToken what begins sequences, where a model has such a token
 * @param eosToken what ends them
 */
public record TokenizerKind(
    String kind,
    int vocabulary,
    int specialTokens,
    Optional<String> bosToken,
    Optional<String> eosToken) {

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL naming the file and what is
   *     wrong with it
   */
  public static TokenizerKind of(ModelFiles files) {
    TokenizerJson json = TokenizerJson.load(files);
    TokenizerConfig config = TokenizerConfig.load(files);
    return new TokenizerKind(
        kind(json.file().jsonObject()),
        json.vocabularySize(),
        json.specialTokens().size(),
        config.bosToken(),
        config.eosToken());
  }

  private static String kind(JsonNode json) {
    JsonNode model = json.path("model");
    // files of the first years have no type, and are of this one
    String type = model.path("type").asText(model.has("merges") ? "BPE" : "WordPiece");
    List<String> steps = WordSplit.steps(json.path("pre_tokenizer"));
    if (WordSplit.isByteLevel(steps)) {
      return "byte-level " + type;
    }
    return model.path("byte_fallback").asBoolean(false)
        ? type + " of SentencePiece, with bytes for unknown characters"
        : type;
  }
}
