package org.longform.kernels.model;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.longform.kernels.weights.ForwardedWeights;
import org.longform.kernels.weights.WeightSource;

/**
 * The weights of the text part of a checkpoint that sees, too, by the names that they would have
 * alone. Those of other parts are not there.
 */
final class TextWeights extends ForwardedWeights {
  private static final String MODEL = "model.";
  private static final int MOST_NAMED = 4;

  // by the names that they would have alone
  private final Map<String, String> stored = new HashMap<>();
  private final TreeSet<String> otherParts = new TreeSet<>();
  private final int others;

  /**
   * @param config of the text part
   * @param source of all parts; belongs to this one
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if a weight is there twice
   */
  TextWeights(ModelConfig config, WeightSource source) {
    super(source);
    Set<String> names = new TreeSet<>(source.names());
    for (String name : names) {
      Optional<String> alone = WeightNames.ofTextPart(name);
      alone.ifPresentOrElse(each -> take(config, each, name), () -> otherParts.add(part(name)));
    }
    others = names.size() - stored.size();
  }

  private void take(ModelConfig config, String alone, String name) {
    String other = stored.put(alone, name);
    if (other != null) {
      throw config.failed(
          ErrorClass.INVALID_MODEL,
          "goes with tensors '%s' and '%s', which are the same weight of the text part"
              .formatted(ModelConfig.shortened(other), ModelConfig.shortened(name)));
    }
  }

  private static String part(String name) {
    String rest = name.startsWith(MODEL) ? name.substring(MODEL.length()) : name;
    return ModelConfig.shortened(rest.substring(0, (rest + ".").indexOf('.')));
  }

  @Override
  public Set<String> names() {
    return Set.copyOf(stored.keySet());
  }

  @Override
  public boolean contains(String name) {
    return stored.containsKey(name);
  }

  @Override
  public Optional<Shape> shape(String name) {
    return Optional.ofNullable(stored.get(name)).flatMap(source()::shape);
  }

  @Override
  public Tensor tensor(String name, Shape expected) {
    // under a name that is not there the source says what is missing
    return source().tensor(stored.getOrDefault(name, WeightNames.BEFORE + name), expected);
  }

  @Override
  public List<String> storageNotes() {
    return others == 0
        ? super.storageNotes()
        : Stream.concat(
                super.storageNotes().stream(),
                Stream.of(
                    "Text alone is read: %,d tensors of other parts (%s%s) are not"
                        .formatted(
                            others,
                            String.join(", ", otherParts.stream().limit(MOST_NAMED).toList()),
                            otherParts.size() > MOST_NAMED ? ", …" : "")))
            .toList();
  }

  @Override
  public void close() {
    source().close();
  }
}
