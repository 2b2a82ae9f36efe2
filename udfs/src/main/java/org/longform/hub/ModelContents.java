package org.longform.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.longform.kernels.weights.GgufParts;

/**
 * Which of a model's files are read: its configuration, its tokenizer, its weights as safetensors,
 * or one GGUF file, perhaps in parts, which has all of that in it. Pickled weights are never
 * fetched.
 *
 * @param files all that are there
 */
record ModelContents(HubModel model, List<String> files) {
  static final String CONFIG = "config.json";

  private static final String INDEX = "model.safetensors.index.json";
  private static final String SINGLE = "model.safetensors";
  private static final long LARGEST_INDEX = 64L << 20;
  private static final int MOST_NAMED = 20;

  /** Small files that a model may have or not. */
  static final List<String> OPTIONAL =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "tokenizer.model",
          "special_tokens_map.json",
          "added_tokens.json",
          "chat_template.jinja",
          "chat_template.json",
          "vocab.json",
          "merges.txt",
          "quantize_config.json");

  private static final List<String> ADAPTER =
      List.of("adapter_config.json", "adapter_model.safetensors");

  /**
   * The GGUF file that is the model, of several parts the first; empty if it is a directory of
   * files.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if there are several, or
   *     nothing that can be read, or a part is not there
   */
  Optional<String> gguf() {
    if (model.file().isPresent()) {
      String wanted = model.file().get();
      if (!files.contains(wanted)) {
        throw HubRefusals.invalid(
            "Cannot find model '%s': the repository has no such file. %s"
                .formatted(model, theyAre(ggufs())));
      }
      parts(wanted);
      return model.file();
    }
    if (hasDirectory() || isAdapter()) {
      return Optional.empty();
    }
    List<String> ggufs = ggufs();
    if (ggufs.isEmpty()) {
      throw HubRefusals.invalid(noModel());
    }
    if (ggufs.size() > 1) {
      throw HubRefusals.invalid(
          "Cannot choose a file of model '%s': its repository has %d GGUF files. Name one, such as %s. %s"
              .formatted(model, ggufs.size(), model.withFile(ggufs.get(0)).uri(), theyAre(ggufs)));
    }
    parts(ggufs.get(0));
    return Optional.of(ggufs.get(0));
  }

  /**
   * The files of a GGUF model that is named by the first.
   *
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if one is not there
   */
  Set<String> parts(String gguf) {
    if (GgufParts.isLater(gguf)) {
      throw HubRefusals.invalid(
          "Cannot use file '%s' of model '%s': it is one part of several. Name the first, whose name has 00001 there."
              .formatted(gguf, model));
    }
    Set<String> parts = new LinkedHashSet<>(GgufParts.names(gguf));
    for (String part : parts) {
      if (!files.contains(part)) {
        throw HubRefusals.invalid(
            "Cannot use file '%s' of model '%s': it is the first of %d parts, and the repository has no '%s'. Choose a file that is whole."
                .formatted(gguf, model, parts.size(), part));
      }
    }
    return parts;
  }

  private List<String> ggufs() {
    return files.stream()
        .filter(name -> name.endsWith(".gguf") && !GgufParts.isLater(name))
        .sorted()
        .toList();
  }

  private boolean hasDirectory() {
    return files.contains(CONFIG) && (files.contains(SINGLE) || files.contains(INDEX));
  }

  private boolean isAdapter() {
    return files.containsAll(ADAPTER);
  }

  private static String theyAre(List<String> names) {
    return names.isEmpty()
        ? "It has no GGUF file at all."
        : "There are: %s%s."
            .formatted(
                String.join(", ", names.subList(0, Math.min(MOST_NAMED, names.size()))),
                names.size() > MOST_NAMED
                    ? " and %d more".formatted(names.size() - MOST_NAMED)
                    : "");
  }

  private String noModel() {
    boolean pickled = files.stream().anyMatch(name -> name.matches(".*\\.(bin|pt|pth|ckpt|pkl)"));
    return pickled
        ? "Cannot use model '%s': its weights are there only as pickled files, which can run code when they are read. Ask its authors for safetensors, or convert it yourself and name the directory."
            .formatted(model)
        : "Cannot use model '%s': its repository has neither config.json with model.safetensors nor a .gguf file. Name a language model of the hub."
            .formatted(model);
  }

  /** The small files to read first; among them the index of the weights, if it has one. */
  Set<String> small() {
    Set<String> wanted = new TreeSet<>(OPTIONAL);
    wanted.addAll(List.of(CONFIG, ADAPTER.get(0)));
    if (!files.contains(SINGLE)) {
      wanted.add(INDEX);
    }
    wanted.retainAll(files);
    return wanted;
  }

  /**
   * The files with the weights.
   *
   * @param directory where the small files are
   * @throws HubMisbehaved if the index is no index, or names what is not there
   */
  Set<String> weights(Path directory) throws IOException {
    if (files.contains(SINGLE)) {
      return Set.of(SINGLE);
    }
    if (files.contains(INDEX)) {
      return shards(directory.resolve(INDEX));
    }
    return isAdapter() ? Set.of(ADAPTER.get(1)) : Set.of();
  }

  private Set<String> shards(Path index) throws IOException {
    if (Files.size(index) > LARGEST_INDEX) {
      throw new HubMisbehaved("file %s: it has %,d bytes".formatted(INDEX, Files.size(index)));
    }
    Set<String> shards = new TreeSet<>();
    try {
      JsonNode map = new ObjectMapper().readTree(index.toFile()).path("weight_map");
      for (JsonNode each : map) {
        shards.add(each.asText());
      }
    } catch (JsonProcessingException e) {
      throw new HubMisbehaved("file %s: it is no JSON".formatted(INDEX));
    }
    if (shards.isEmpty()) {
      throw new HubMisbehaved("file %s: it names no file with weights".formatted(INDEX));
    }
    for (String shard : shards) {
      // before the list is asked: it is a part of a path
      if (!FileNames.isSafe(shard) || shard.contains("/") || !shard.endsWith(".safetensors")) {
        throw new HubMisbehaved(
            "file %s: it names a file that no weights are in ('%s')".formatted(INDEX, shard));
      }
      if (!files.contains(shard)) {
        throw new HubMisbehaved("file %s: it names %s, which is not there".formatted(INDEX, shard));
      }
    }
    return shards;
  }
}
