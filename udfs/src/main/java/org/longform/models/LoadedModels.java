package org.longform.models;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models of this process. Each is loaded once, by the first task that needs it, while the
 * others wait; it stays until the process ends or {@link #close} is called.
 */
public final class LoadedModels implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LoadedModels.class);

  private static final long POLL_MILLIS = 100;

  private final Map<Key, CompletableFuture<LoadedModel>> models = new HashMap<>();
  // one for all models: a device has one pool of threads
  private final Map<OpenDevice, Kernels> devices = new HashMap<>();
  private final LongConsumer onLoad;

  private record Key(Path path, Optional<Path> adapter, String revision, OpenDevice device) {}

  private record OpenDevice(String name, int threads) {}

  /**
   * @param onLoad told of each model that was loaded, how many nanoseconds it took
   */
  public LoadedModels(LongConsumer onLoad) {
    this.onLoad = onLoad;
  }

  /**
   * The model, loaded if it is not yet. A failure to load is thrown to all who wait for it.
   *
   * @param cancelled asked while this caller waits; who stops waiting does not stop the loading
   * @throws LongformException CANCELLED
   */
  public LoadedModel get(
      ModelLocation location, DeviceProvider device, int threads, BooleanSupplier cancelled) {
    Key key =
        new Key(
            location.path().toAbsolutePath(),
            location.adapter().map(Path::toAbsolutePath),
            // files that changed are another model; who reads with the old one goes on with it
            ModelRevision.current(location),
            new OpenDevice(device.name(), threads));
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
      CompletableFuture<LoadedModel> loading = future;
      // a thread of its own: interrupting a task would close the files that others wait for
      Thread loader = new Thread(() -> load(key, location, device, loading), "longform-load");
      loader.setDaemon(true);
      loader.start();
    }
    return await(future, location, cancelled);
  }

  private static LoadedModel await(
      Future<LoadedModel> loading, ModelLocation location, BooleanSupplier cancelled) {
    while (true) {
      try {
        return loading.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        if (cancelled.getAsBoolean()) {
          throw cancelled(location, e);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw cancelled(location, e);
      } catch (ExecutionException e) {
        if (e.getCause() instanceof RuntimeException known) {
          throw known;
        }
        if (e.getCause() instanceof Error serious) {
          throw serious;
        }
        throw new IllegalStateException(e.getCause());
      }
    }
  }

  private static LongformException cancelled(ModelLocation location, Exception cause) {
    return new LongformException(
        ErrorClass.CANCELLED,
        "Cannot wait for model '%s': the caller cancelled it. Read again if it is still wanted."
            .formatted(location.name()),
        cause);
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
      long nanos = System.nanoTime() - started;
      onLoad.accept(nanos);
      LOG.info(
          "Loaded model '{}' revision {} on device '{}' ({}{} threads) in {} ms.",
          location.name(),
          model.revision(),
          model.device(),
          device.detail().map(detail -> detail + "; ").orElse(""),
          key.device.threads,
          nanos / 1_000_000);
      for (String sentence : model.decoder().storageNotes()) {
        LOG.info("Model '{}': {}.", location.name(), sentence);
      }
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
