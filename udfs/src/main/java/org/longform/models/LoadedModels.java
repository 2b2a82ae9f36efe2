package org.longform.models;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models of this process. Each is loaded once, by the first task that needs it, while the
 * others wait; it stays until the process ends or {@link #close} is called.
 */
public final class LoadedModels implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LoadedModels.class);

  private final Map<Key, CompletableFuture<LoadedModel>> models = new HashMap<>();
  // one for all models: a device has one pool of threads
  private final Map<OpenDevice, Kernels> devices = new HashMap<>();
  private final Runnable onLoad;

  private record Key(String path, String revision, OpenDevice device) {}

  private record OpenDevice(String name, int threads) {}

  /**
   * @param onLoad told of each model that was loaded
   */
  public LoadedModels(Runnable onLoad) {
    this.onLoad = onLoad;
  }

  /** The model, loaded if it is not yet. A failure to load is thrown to all who wait for it. */
  public LoadedModel get(ModelLocation location, DeviceProvider device, int threads) {
    String path = location.path().toAbsolutePath().toString();
    // files that changed are another model; who reads with the old one goes on with it
    String revision = ModelRevision.current(location.path());
    Key key = new Key(path, revision, new OpenDevice(device.name(), threads));
    CompletableFuture<LoadedModel> future;
    boolean first = false;
    synchronized (this) {
      future = models.get(key);
      if (future == null) {
        future = new CompletableFuture<>();
        models.put(key, future);
        first = true;
      }
    }
    if (first) {
      load(key, location, device, future);
    }
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof LongformException known) {
        throw known;
      }
      throw e;
    }
  }

  private Kernels open(DeviceProvider device, OpenDevice as) {
    synchronized (devices) {
      return devices.computeIfAbsent(as, each -> device.open(each.threads));
    }
  }

  private void load(
      Key key,
      ModelLocation location,
      DeviceProvider device,
      CompletableFuture<LoadedModel> future) {
    long started = System.nanoTime();
    try {
      LoadedModel model = LoadedModel.load(location, device.name(), open(device, key.device));
      onLoad.run();
      LOG.info(
          "Loaded model '{}' revision {} on device '{}' ({}{} threads) in {} ms.",
          location.name(),
          model.revision(),
          model.device(),
          device.detail().map(detail -> detail + "; ").orElse(""),
          key.device.threads,
          (System.nanoTime() - started) / 1_000_000);
      future.complete(model);
    } catch (Throwable e) {
      // a failed load is not remembered: the next task may find the files complete
      synchronized (this) {
        models.remove(key);
      }
      future.completeExceptionally(e);
    }
  }

  @Override
  public void close() {
    Map<Key, CompletableFuture<LoadedModel>> closing;
    synchronized (this) {
      closing = new HashMap<>(models);
      models.clear();
    }
    synchronized (devices) {
      devices.clear();
    }
    for (CompletableFuture<LoadedModel> future : closing.values()) {
      if (future.isDone() && !future.isCompletedExceptionally()) {
        future.join().close();
      }
    }
  }
}
