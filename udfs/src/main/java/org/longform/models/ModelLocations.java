package org.longform.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.longform.datasets.models.BundledModels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Where the models of this process are on its disk. Every row asks, so an answer holds for a while;
 * a model that was copied from a store stays the revision it was until the process ends.
 */
public final class ModelLocations {
  private static final long GOOD_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Map<Key, Found> found = new ConcurrentHashMap<>();
  private final List<ModelStore> stores;
  private final LongSupplier nanoTime;

  private record Key(String name, Optional<String> cache, Optional<List<String>> allowed) {}

  private record Found(ModelLocation location, long atNanos) {}

  public ModelLocations() {
    this(
        ServiceLoader.load(ModelStore.class, ModelLocations.class.getClassLoader()).stream()
            .map(ServiceLoader.Provider::get)
            .toList(),
        System::nanoTime);
  }

  ModelLocations(List<ModelStore> stores, LongSupplier nanoTime) {
    this.stores = stores;
    this.nanoTime = nanoTime;
  }

  /**
   * Finds a model; one that lies in a store is copied to this machine, if it is not here yet.
   *
   * @param name a bundled model, a local path, or a URI
   * @param cache directory of the copies, if the user set one
   * @param allowed see {@link AllowedModels}
   * @throws LongformException INVALID_MODEL saying what is wrong, INVALID_OPTION if it is not
   *     allowed
   */
  public ModelLocation locate(String name, Optional<String> cache, Optional<List<String>> allowed) {
    Key key = new Key(name, cache, allowed);
    Found known = found.get(key);
    long now = nanoTime.getAsLong();
    boolean there = known != null && Files.exists(known.location().path());
    if (there && now - known.atNanos() < GOOD_NANOS) {
      return known.location();
    }
    AllowedModels.require(name, allowed);
    ModelLocation location = there && isRemote(name) ? known.location() : search(name, cache);
    found.put(key, new Found(location, now));
    return location;
  }

  private ModelLocation search(String name, Optional<String> cache) {
    if (!isRemote(name)) {
      return ModelLocation.resolve(name);
    }
    ModelStore store =
        stores.stream().filter(each -> each.knows(name)).findFirst().orElseThrow(() -> none(name));
    Path root = cache.map(Path::of).orElseGet(ModelCache::defaultRoot);
    // one at a time in this process; the lock of the cache is for the others
    synchronized (this) {
      return new ModelLocation(name, new ModelCache(root).fetch(name, store));
    }
  }

  /** Whether a name is a URI of something that is no local file. */
  public static boolean isRemote(String name) {
    return name.matches("[A-Za-z][A-Za-z0-9+.-]+:/.*") && !name.startsWith("file:");
  }

  private static LongformException none(String name) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot find model '%s': nothing here reads such addresses. Add longform-spark to the classpath, or give a local path or a bundled model (%s)."
            .formatted(name, String.join(", ", BundledModels.names())));
  }
}
