package org.longform.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import org.longform.kernels.weights.GgufMetadata;

/** {@code gpt2}: bytes written as letters, merged in the order of a list, within words. */
final class BytePairVocabulary extends GgufVocabulary {
  private final List<String> merges;
  private final WordSplit split;

  BytePairVocabulary(ModelFile file, GgufMetadata metadata) {
    super(file, metadata);
    this.merges =
        metadata
            .texts(GgufKeys.MERGES)
            .orElseThrow(
                () -> file.invalid("its metadata has no list of texts " + GgufKeys.MERGES));
    String name = metadata.text(GgufKeys.PRE).orElse(WordSplit.DEFAULT);
    this.split =
        WordSplit.named(name)
            .orElseThrow(
                () ->
                    file.invalid(
                        "its %s is '%s', which is unknown (known: %s)"
                            .formatted(GgufKeys.PRE, shortened(name), WordSplit.names())));
  }

  @Override
  void describe(ObjectNode json, ObjectNode model) {
    json.set("normalizer", split.normalizer());
    json.set("pre_tokenizer", split.preTokenizer());
    json.putObject("decoder")
        .put("type", "ByteLevel")
        .put("add_prefix_space", true)
        .put("trim_offsets", true)
        .put("use_regex", true);
    model.put("ignore_merges", split.wholeWordsFirst());
    ArrayNode pairs = model.putArray("merges");
    for (int i = 0; i < merges.size(); i++) {
      String merge = merges.get(i);
      // the first part may itself begin with a blank
      int blank = merge.indexOf(' ', 1);
      if (blank < 0
          || id(merge.substring(0, blank)).isEmpty()
          || id(merge.substring(blank + 1)).isEmpty()
          || id(merge.substring(0, blank) + merge.substring(blank + 1)).isEmpty()) {
        throw file()
            .invalid(
                "entry %d of its %s is '%s', expected two tokens that make another"
                    .formatted(i, GgufKeys.MERGES, shortened(merge)));
      }
      pairs.addArray().add(merge.substring(0, blank)).add(merge.substring(blank + 1));
    }
  }

  @Override
  boolean addsBosByDefault() {
    return split.addsBos();
  }

  @Override
  Optional<Integer> usual(String key) {
    return Optional.empty();
  }
}
