package org.longform.models;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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
  private final Runnable onLoad;

  private record Key(String path, String device, int threads) {}

  /**
   * @param onLoad told of each model that was loaded
   */
  public LoadedModels(Runnable onLoad) {
    this.onLoad = onLoad;
  }

  /** The model, loaded if it is not yet. A failure to load is thrown to all who wait for it. */
  public LoadedModel get(ModelLocation location, String device, int threads) {
    Key key = new Key(location.path().toAbsolutePath().toString(), device, threads);
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
      load(key, location, future);
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

  private void load(Key key, ModelLocation location, CompletableFuture<LoadedModel> future) {
    long started = System.nanoTime();
    try {
      LoadedModel model = LoadedModel.load(location, key.device, key.threads);
      onLoad.run();
      LOG.info(
          "Loaded model '{}' revision {} on device '{}' in {} ms.",
          location.name(),
          model.revision(),
          model.device(),
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
    for (CompletableFuture<LoadedModel> future : closing.values()) {
      if (future.isDone() && !future.isCompletedExceptionally()) {
        future.join().close();
      }
    }
  }
}
