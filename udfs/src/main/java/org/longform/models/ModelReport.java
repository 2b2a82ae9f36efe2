package org.longform.models;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.weights.TensorList;
import org.longform.prompt.TemplateKind;
import org.longform.tokenizer.ModelFiles;
import org.longform.tokenizer.TokenizerKind;

/**
 * What a model is, from its metadata and the headers of its files: nothing is loaded. What is wrong
 * with one part does not hide the others.
 *
 * @param revision what tells it from other versions
 * @param weights its tensors that are read, if the files can be
 * @param spec empty for a model that cannot be read
 * @param tokenizer empty where its files are broken or of an unknown kind
 * @param template empty where its file is broken
 * @param storage what its matrices became here, where they are stored in another form, as sentences
 * @param problems why it cannot be read with, or what cannot be done with it, as sentences
 */
public record ModelReport(
    ModelLocation location,
    String revision,
    Optional<TensorList> weights,
    Optional<DecoderSpec> spec,
    Optional<TokenizerKind> tokenizer,
    Optional<TemplateKind> template,
    List<String> storage,
    List<String> problems) {
  private static final int MOST_TENSORS = 3;

  /**
   * How a part of the weights is stored.
   *
   * @param type the file's word for it
   */
  public record StoredAs(String type, long tensors, long numbers, long bytes) {
    private StoredAs plus(TensorList.Entry tensor) {
      return new StoredAs(
          type, tensors + 1, numbers + tensor.shape().elements(), bytes + tensor.bytes());
    }
  }

  /** Looks at the model at a place. */
  public static ModelReport of(ModelLocation location) {
    List<String> problems = new ArrayList<>();
    Optional<TensorList> stored = tried(problems, () -> TensorList.of(location.path()));
    stored.ifPresent(list -> unreadable(list).ifPresent(problems::add));
    Optional<DecoderSpec> spec = tried(problems, location::spec);
    Optional<TensorList> weights =
        spec.isEmpty() ? stored : stored.map(list -> StoredModel.read(location.path(), list));
    List<String> storage =
        spec.flatMap(known -> tried(problems, () -> checked(location, problems))).orElse(List.of());
    Optional<ModelFiles> files = tried(problems, () -> ModelFiles.of(location.path()));
    Optional<TokenizerKind> tokenizer =
        files.flatMap(each -> tried(problems, () -> TokenizerKind.of(each)));
    Optional<TemplateKind> template =
        files.flatMap(each -> tried(problems, () -> template(each, tokenizer)));
    template.ifPresent(kind -> problems.addAll(kind.problems()));
    if (spec.isPresent() && tokenizer.isPresent()) {
      vocabularies(tokenizer.get(), spec.get()).ifPresent(problems::add);
    }
    return new ModelReport(
        location,
        ModelRevision.of(location),
        weights,
        spec,
        tokenizer,
        template,
        storage,
        problems.stream().distinct().toList());
  }

  private static <T> Optional<T> tried(List<String> problems, Supplier<T> look) {
    try {
      return Optional.of(look.get());
    } catch (LongformException e) {
      problems.add(e.getMessage());
      return Optional.empty();
    }
  }

  /** A type of a GGUF file that stands for numbers nobody here can read. */
  private static Optional<String> unreadable(TensorList list) {
    List<TensorList.Entry> unknown =
        list.tensors().stream()
            .filter(tensor -> tensor.dtype().isEmpty() && list.format().startsWith("GGUF"))
            .toList();
    return unknown.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "%d tensors have type %s, which cannot be read"
                .formatted(unknown.size(), unknown.get(0).type()));
  }

  private static List<String> checked(ModelLocation location, List<String> problems) {
    try (StoredModel model = location.open()) {
      List<String> found = model.problems(MOST_TENSORS);
      problems.addAll(found);
      if (found.isEmpty()) {
        model.matrixType(); // refuses what the engine cannot compute with
      }
      return model.weights().storageNotes();
    }
  }

  private static TemplateKind template(ModelFiles files, Optional<TokenizerKind> tokenizer) {
    return TemplateKind.of(
        files,
        tokenizer.flatMap(TokenizerKind::bosToken).orElse(""),
        tokenizer.flatMap(TokenizerKind::eosToken).orElse(""));
  }

  private static Optional<String> vocabularies(TokenizerKind tokenizer, DecoderSpec spec) {
    return tokenizer.vocabulary() <= spec.vocabulary()
        ? Optional.empty()
        : Optional.of(
            "its tokenizer has %d tokens, and the model %d"
                .formatted(tokenizer.vocabulary(), spec.vocabulary()));
  }

  /** How the weights are stored, the type of most bytes first. */
  public List<StoredAs> storedAs() {
    Map<String, StoredAs> types = new LinkedHashMap<>();
    weights
        .map(TensorList::tensors)
        .orElse(List.of())
        .forEach(
            tensor ->
                types.merge(
                    tensor.type(),
                    new StoredAs(tensor.type(), 0, 0, 0).plus(tensor),
                    (known, same) -> known.plus(tensor)));
    return types.values().stream()
        .sorted((one, other) -> Long.compare(other.bytes(), one.bytes()))
        .toList();
  }
}
