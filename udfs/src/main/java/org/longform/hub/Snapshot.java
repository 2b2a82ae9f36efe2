package org.longform.hub;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.GgufParts;

/** One commit of a model in the cache, whoever put it there. */
final class Snapshot {
  private final HubCache cache;
  private final HubModel model;
  private final String commit;

  /**
   * A model that can be read.
   *
   * @param certain whether it is known that the commit has no further file that matters
   */
  record Found(Path path, boolean certain) {}

  /**
   * @param model named by its commit
   */
  Snapshot(HubCache cache, HubModel model) {
    this.cache = cache;
    this.model = model;
    this.commit = model.revisionOrMain();
  }

  /**
   * The model, if all that it needs is here.
   *
   * @throws LongformException INVALID_MODEL if a file leads out of the cache
   */
  Optional<Found> find() throws IOException {
    List<String> names = cache.names(commit);
    if (model.file().isPresent()) {
      List<String> parts = GgufParts.names(model.file().get());
      if (!names.containsAll(parts)) {
        return Optional.empty();
      }
      requireInside(parts);
      return Optional.of(new Found(cache.inside(commit, parts.get(0)), true));
    }
    if (names.isEmpty()) {
      return Optional.empty();
    }
    ModelContents contents = new ModelContents(model, names);
    requireInside(contents.small());
    Optional<String> gguf;
    Set<String> weights;
    try {
      gguf = contents.gguf();
      weights = contents.weights(cache.snapshot(commit));
    } catch (LongformException | HubMisbehaved e) {
      return Optional.empty(); // not all of it is here
    }
    if (gguf.isPresent()) {
      requireInside(contents.parts(gguf.get()));
      // the repository may have others, or weights of another kind
      return Optional.of(new Found(cache.inside(commit, gguf.get()), false));
    }
    requireInside(weights);
    boolean certain =
        ModelContents.OPTIONAL.stream()
            .allMatch(name -> names.contains(name) || cache.isKnownMissing(name, commit));
    return Optional.of(new Found(cache.snapshot(commit), certain));
  }

  private void requireInside(Collection<String> names) throws IOException {
    for (String name : names) {
      cache.inside(commit, name);
    }
  }
}
