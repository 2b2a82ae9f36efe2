package org.longform.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.weights.GgufMetadata;

/**
 * {@code llama}: pieces with scores. Neighbours merge where that gives the piece of the highest
 * score; characters without a piece become bytes. Blanks are written as U+2581. The tokenizer is
 * built as Hugging Face's converter builds that of Llama 2.
 */
final class SentencePieceVocabulary extends GgufVocabulary {
  static final String BLANK = "\u2581";

  private static final Map<String, Integer> USUAL =
      Map.of(GgufKeys.UNKNOWN, 0, GgufKeys.BOS, 1, GgufKeys.EOS, 2);

  private final double[] scores;

  SentencePieceVocabulary(ModelFile file, GgufMetadata metadata) {
    super(file, metadata);
    this.scores =
        metadata
            .fractions(GgufKeys.SCORES)
            .orElseThrow(
                () -> file.invalid("its metadata has no list of fractions " + GgufKeys.SCORES));
    requireForEach(GgufKeys.SCORES, scores.length);
    if (metadata.flag(GgufKeys.REMOVE_SPACES).orElse(false)) {
      throw file.invalid(
          "its %s is true, which is unknown for this kind of vocabulary"
              .formatted(GgufKeys.REMOVE_SPACES));
    }
  }

  @Override
  void describe(ObjectNode json, ObjectNode model) {
    boolean prefix = metadata.flag(GgufKeys.SPACE_PREFIX).orElse(true);
    ArrayNode normalizers =
        json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
    if (prefix) {
      normalizers.addObject().put("type", "Prepend").put("prepend", BLANK);
    }
    replace(normalizers.addObject(), " ", BLANK);
    json.putNull("pre_tokenizer");
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), BLANK, " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    if (prefix) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
    role(GgufKeys.UNKNOWN).ifPresent(id -> model.put("unk_token", text(id)));
    model.put("fuse_unk", true).put("byte_fallback", true);
    ArrayNode merges = model.putArray("merges");
    merges().forEach(merge -> merges.addArray().add(merge.left()).add(merge.right()));
  }

  private static void replace(ObjectNode json, String from, String to) {
    json.put("type", "Replace").putObject("pattern").put("String", from);
    json.put("content", to);
  }

  /** Two pieces that make a third. */
  private record Merge(int leftId, int rightId, String left, String right, double score) {}

  private List<Merge> merges() {
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < size(); id++) {
      if (isPiece(id)) {
        addMerges(id, merges);
      }
    }
    // as Hugging Face's converter: of one piece by the ids of its parts, then best score first
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparing(merge -> merge.left().codePointCount(0, merge.left().length()))
            .thenComparing(merge -> merge.right().codePointCount(0, merge.right().length()))
            .reversed());
    return merges;
  }

  private void addMerges(int id, List<Merge> merges) {
    String piece = text(id);
    List<Merge> local = new ArrayList<>();
    for (int at = piece.offsetByCodePoints(0, 1);
        at < piece.length();
        at = piece.offsetByCodePoints(at, 1)) {
      String left = piece.substring(0, at);
      String right = piece.substring(at);
      Optional<Integer> leftId = id(left).filter(this::isPiece);
      Optional<Integer> rightId = id(right).filter(this::isPiece);
      if (leftId.isPresent() && rightId.isPresent()) {
        local.add(new Merge(leftId.get(), rightId.get(), left, right, scores[id]));
      }
    }
    local.sort(Comparator.comparingInt(Merge::leftId).thenComparingInt(Merge::rightId));
    merges.addAll(local);
  }

  private boolean isPiece(int id) {
    return kind(id) == TokenKind.NORMAL || kind(id) == TokenKind.UNDEFINED;
  }

  @Override
  boolean addsBosByDefault() {
    return true;
  }

  @Override
  Optional<Integer> usual(String key) {
    return Optional.ofNullable(USUAL.get(key)).filter(id -> id < size());
  }
}
