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
import java.util.function.UnaryOperator;
import org.longform.datasets.models.BundledModels;
import org.longform.hub.HubModel;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Where the models of this process are on its disk. Every row asks, so an answer holds for a while;
 * a model that was copied from a store stays the revision it was until the process ends.
 */
public final class ModelLocations {
  private static final long GOOD_NANOS = TimeUnit.SECONDS.toNanos(5);
  // the next row must not try a server for half a minute that the last one tried in vain
  private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(30);

  private final Map<Key, Found> found = new ConcurrentHashMap<>();
  private final Map<Key, Failed> failed = new ConcurrentHashMap<>();
  private final HubModels hub = new HubModels();
  private final List<ModelStore> stores;
  private final LongSupplier nanoTime;

  private record Key(String name, ModelPlaces places) {}

  /**
   * @param stays whether it is a copy, which this process does not look for again
   */
  private record Found(ModelLocation location, boolean stays, long atNanos) {}

  private record Failed(LongformException why, long atNanos) {}

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
   * Finds a model; one that lies in a store or on the hub is copied to this machine, if it is not
   * here yet.
   *
   * @param name a bundled model, a local path, a URI, or a name of the hub
   * @throws LongformException INVALID_MODEL saying what is wrong, INVALID_OPTION if it is not
   *     allowed
   */
  public ModelLocation locate(String name, ModelPlaces places) {
    Key key = new Key(name, places);
    Found known = found.get(key);
    long now = nanoTime.getAsLong();
    boolean there = known != null && Files.exists(known.location().path());
    if (there && now - known.atNanos() < GOOD_NANOS) {
      return known.location();
    }
    AllowedModels.require(name, places.allowed());
    if (there && known.stays()) {
      found.put(key, new Found(known.location(), true, now));
      return known.location();
    }
    Optional<HubModel> ofHub = ModelLocation.ofHub(name);
    ModelLocation location =
        ofHub.isPresent() ? download(key, ofHub.get(), now) : search(name, places.cache());
    found.put(key, new Found(location, ofHub.isPresent() || isRemote(name), now));
    return location;
  }

  private ModelLocation download(Key key, HubModel model, long now) {
    Failed before = failed.get(key);
    if (before != null && now - before.atNanos() < FAILED_NANOS) {
      throw before.why();
    }
    try {
      HubModel pinned = pin(model, key.places());
      // one at a time in this process; the lock of the cache is for the others
      synchronized (this) {
        return new ModelLocation(key.name(), hub.fetch(pinned, key.places()));
      }
    } catch (LongformException e) {
      if (e.errorClass() != ErrorClass.CANCELLED) {
        failed.put(key, new Failed(e, nanoTime.getAsLong()));
      }
      throw e;
    }
  }

  private HubModel pin(HubModel model, ModelPlaces places) {
    HubModel pinned = hub.pin(model, places);
    AllowedModels.require(pinned.uri(), places.allowed());
    return pinned;
  }

  /**
   * The name as another process on any node may use it: see {@link ModelLocation#portable}; a name
   * of the hub with the commit that it means now.
   *
   * @throws LongformException INVALID_MODEL if the hub has no such model, INVALID_OPTION if it is
   *     not allowed
   */
  public String portable(String name, ModelPlaces places) {
    Optional<HubModel> ofHub = ModelLocation.ofHub(name);
    if (ofHub.isEmpty()) {
      return ModelLocation.portable(name);
    }
    AllowedModels.require(name, places.allowed());
    return pin(ofHub.get(), places).uri();
  }

  /**
   * Lets another process say which commit a name of the hub means, so that all mean the same.
   *
   * @param names from a name to a portable one; null to ask the hub from here
   */
  public void pinBy(UnaryOperator<String> names) {
    hub.pinBy(names);
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

  /** Whether a model is copied to this machine before it is read. */
  public static boolean isElsewhere(String name) {
    return isRemote(name) || ModelLocation.ofHub(name).isPresent();
  }

  private static LongformException none(String name) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot find model '%s': nothing here reads such addresses. Add longform-spark to the classpath, or give a local path or a bundled model (%s)."
            .formatted(name, String.join(", ", BundledModels.names())));
  }
}
