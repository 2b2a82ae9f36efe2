package org.longform.kernels.weights;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.tensor.Shape;

/**
 * Weights of another source, some of them given otherwise: what is not overridden is that source's.
 */
public abstract class ForwardedWeights implements WeightSource {
  private final WeightSource source;

  protected ForwardedWeights(WeightSource source) {
    this.source = source;
  }

  protected final WeightSource source() {
    return source;
  }

  @Override
  public final WeightSource origin() {
    return source.origin();
  }

  @Override
  public Set<String> names() {
    return source.names();
  }

  @Override
  public boolean contains(String name) {
    return source.contains(name);
  }

  @Override
  public Optional<Shape> shape(String name) {
    return source.shape(name);
  }

  @Override
  public long bytes() {
    return source.bytes();
  }

  @Override
  public List<String> storageNotes() {
    return source.storageNotes();
  }
}
