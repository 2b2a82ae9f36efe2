package org.longform.models;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.longform.generate.GenerationConfig;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.ModelExport;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.weights.GgufMetadata;
import org.longform.kernels.weights.GgufWeights;
import org.longform.models.ConversionRequest.IfExists;
import org.longform.prompt.ChatTemplateFile;
import org.longform.tokenizer.GgufTokenizer;
import org.longform.tokenizer.ModelFile;
import org.longform.tokenizer.ModelFiles;
import org.longform.tokenizer.Tokenizer;

/**
 * Writes a model in another format or type: a GGUF file, or a directory with safetensors. The
 * weights are read and written a piece of a tensor at a time. The target appears when it is whole.
 */
public final class ModelConversion {
  private static final String GENERATION_CONFIG = "generation_config.json";
  // what a directory has beside config.json and the weights
  private static final List<String> TEXTS =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "chat_template.jinja",
          GENERATION_CONFIG);
  // its "llama" takes the sizes of the first layer for all, although the file tells each
  private static final String UNEVEN =
      "llama.cpp does not load a model of this family whose layers differ in size";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ConversionRequest request;
  private final ModelFiles files;
  private final Path target;

  ModelConversion(ConversionRequest request) {
    this.request = request;
    this.files = ModelFiles.of(request.source().path());
    this.target = request.target().toAbsolutePath().normalize();
  }

  /**
   * @return what another program will do otherwise than this product with the target, if anything
   * @throws LongformException INVALID_OPTION if the target is there or cannot have the type
   */
  public static Optional<String> run(ConversionRequest request) {
    ModelConversion conversion = new ModelConversion(request);
    conversion.requireHolds(request.dtype());
    conversion.requireFree();
    try (StoredModel model = StoredModel.open(request.source().path())) {
      return conversion.write(model, new ModelExport(model, request.dtype()));
    }
  }

  /**
   * Writes the target.
   *
   * @return as {@link #run}
   */
  Optional<String> write(StoredModel model, ModelExport export) {
    try {
      if (GgufWeights.isGguf(target)) {
        return toGguf(model, export);
      }
      toDirectory(export);
      return Optional.empty();
    } catch (IOException e) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot write model '%s': the file system refused (%s). Check the path, its permissions and the free space."
              .formatted(request.target(), e),
          e);
    }
  }

  /** Refuses a type that the target's format does not have. */
  void requireHolds(DType dtype) {
    if (!GgufWeights.isGguf(target) && !ModelExport.SAFETENSORS.contains(dtype)) {
      throw invalid(
          "a directory has plain weights only, not %s".formatted(dtype),
          "Give f32, f16 or bf16, or a path that ends in .gguf");
    }
  }

  /** Refuses to replace what must stay. */
  void requireFree() {
    if (!Files.exists(target)) {
      return;
    }
    if (request.ifExists() == IfExists.REFUSE) {
      throw invalid("it is there already", "Give --overwrite to replace it, or another path");
    }
    if (GgufWeights.isGguf(target) != Files.isRegularFile(target) || !replaceable()) {
      throw invalid("what is there is no model", "Remove it or give another path");
    }
  }

  /** Whether what is there is a model: nothing else is ever removed. */
  private boolean replaceable() {
    if (target.equals(request.source().path().toAbsolutePath().normalize())) {
      throw invalid("it is the model itself", "Give another path");
    }
    if (Files.isRegularFile(target)) {
      return true;
    }
    try (Stream<Path> entries = Files.list(target)) {
      return Files.exists(target.resolve("config.json")) && entries.allMatch(Files::isRegularFile);
    } catch (IOException e) {
      return false;
    }
  }

  private LongformException invalid(String why, String remedy) {
    return new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot write model '%s': %s. %s.".formatted(request.target(), why, remedy));
  }

  private Optional<String> toGguf(StoredModel model, ModelExport export) throws IOException {
    String name = request.source().path().toAbsolutePath().normalize().getFileName().toString();
    GgufMetadata metadata = export.ggufMetadata(name);
    Optional<String> note = Optional.empty();
    if (!(model.weights().origin() instanceof GgufWeights)) {
      note = GgufTokenizer.describe(files, model.spec().vocabulary(), ends(), metadata);
      ChatTemplateFile.find(files)
          .ifPresent(template -> GgufTokenizer.describeTemplate(template, metadata));
      files
          .find(GENERATION_CONFIG)
          .ifPresent(file -> GgufTokenizer.describeGeneration(file.text(), metadata));
    }
    Files.createDirectories(target.getParent());
    export.writeGguf(target, metadata);
    return model.spec().layerShapes().stream().distinct().count() == 1
        ? note
        : Optional.of(note.map(text -> text + "; ").orElse("") + UNEVEN);
  }

  /** The end of texts first. */
  private List<Integer> ends() {
    List<Integer> ends = new ArrayList<>();
    try (Tokenizer tokenizer = Tokenizer.load(files)) {
      ends.addAll(tokenizer.eosIds());
    }
    for (int id : GenerationConfig.load(files).eosIds()) {
      if (!ends.contains(id)) {
        ends.add(id);
      }
    }
    return ends;
  }

  private void toDirectory(ModelExport export) throws IOException {
    Map<String, Object> config = export.config();
    Path partial = target.resolveSibling(target.getFileName() + ".partial");
    remove(partial);
    Files.createDirectories(partial);
    try {
      export.writeSafetensors(partial.resolve("model.safetensors"));
      for (String name : TEXTS) {
        Optional<ModelFile> file = files.find(name);
        if (file.isPresent()) {
          write(partial.resolve(name), file.get().text());
        }
      }
      addEnds(config);
      write(
          partial.resolve("config.json"),
          JSON.writerWithDefaultPrettyPrinter().writeValueAsString(config));
      remove(target);
      Files.move(partial, target);
    } finally {
      remove(partial);
    }
  }

  private void addEnds(Map<String, Object> config) {
    try (Tokenizer tokenizer = Tokenizer.load(files)) {
      tokenizer.bosId().ifPresent(id -> config.putIfAbsent("bos_token_id", id));
    }
    List<Integer> ends = ends();
    if (!ends.isEmpty()) {
      config.putIfAbsent("eos_token_id", ends.size() == 1 ? ends.get(0) : ends);
    }
  }

  private static void write(Path file, String text) throws IOException {
    Files.write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  // files only: a directory in it would not be ours
  private static void remove(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path entry : entries.toList()) {
        Files.delete(entry);
      }
    }
    Files.delete(directory);
  }
}
