package org.longform.hub;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.longform.datasets.models.ProcessLock;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Hugging Face hub with its cache on this machine's disk. A model is first pinned to a commit,
 * on the driver, and then fetched by its commit wherever it is read; processes of one machine
 * download it once.
 */
public final class Hub {
  private static final Logger LOG = LoggerFactory.getLogger(Hub.class);

  private final HubSettings settings;
  private final HubClient client;
  private final DownloadProgress progress;
  private final HubCache.Linker linker;
  private final Map<HubModel, HubModel> pins = new HashMap<>();
  // pinned models that were not fetched yet, and what they were called
  private final Map<HubModel, HubModel> asNamed = new ConcurrentHashMap<>();

  public Hub(HubSettings settings) {
    this(
        settings,
        time -> Thread.sleep(time.toMillis()),
        DownloadProgress.ofThisProcess(),
        Files::createSymbolicLink);
  }

  Hub(
      HubSettings settings,
      Patience.Pause pause,
      DownloadProgress progress,
      HubCache.Linker linker) {
    this.settings = settings;
    this.client = new HubClient(settings, pause);
    this.progress = progress;
    this.linker = linker;
  }

  /** Something that asks the hub. */
  private interface Asking<T> {
    T run() throws IOException, InterruptedException;
  }

  /**
   * The same model named by its commit, and by its file if it is the only GGUF file of its
   * repository: what means the same on every node. Offline, or if the hub does not answer, the
   * commit is the one that the cache knows. It stays that one as long as this object is used.
   *
   * @throws LongformException INVALID_MODEL with a sentence
   */
  public HubModel pin(HubModel model) {
    if (model.isPinned() && model.file().isPresent()) {
      return model;
    }
    // a branch that moves must not give one application two models
    HubModel whole = new HubModel(model.id(), Optional.of(model.revisionOrMain()), model.file());
    synchronized (pins) {
      HubModel known = pins.get(whole);
      if (known == null) {
        known = find(model);
        pins.put(whole, known);
      }
      return known;
    }
  }

  private HubModel find(HubModel model) {
    HubCache cache = cache(model);
    return asking(
        model,
        () -> {
          Optional<String> known = cache.commit(model);
          if (settings.offline() || (model.isPinned() && isHere(cache, model))) {
            return known
                .map(commit -> named(cache, model.at(commit)))
                .orElseThrow(() -> offline(model));
          }
          try {
            HubClient.Listing listing = client.listing(model);
            Optional<String> gguf = new ModelContents(model, listing.files()).gguf();
            HubModel pinned = model.at(listing.commit());
            pinned = gguf.map(pinned::withFile).orElse(pinned);
            asNamed.put(pinned, model);
            return pinned;
          } catch (HubUnreachable e) {
            if (known.isPresent() && isHere(cache, model.at(known.get()))) {
              LOG.warn(
                  "Using model '{}' as it is in the cache (commit {}): {} cannot be asked, {}.",
                  model,
                  known.get(),
                  settings.endpoint(),
                  settings.shown(e.getMessage()));
              return named(cache, model.at(known.get()));
            }
            throw e;
          }
        });
  }

  // what is offline must find a branch as it was when it was last here
  private void remember(HubCache cache, HubModel pinned) {
    HubModel named = asNamed.remove(pinned);
    try {
      if (named != null) {
        cache.writeCommit(named, pinned.revisionOrMain());
      }
    } catch (IOException e) {
      // a cache that cannot be written may still have been filled by somebody else
      LOG.debug("Cannot note the commit of {} in {}: {}", named, cache.home(), e.toString());
    }
  }

  private boolean isHere(HubCache cache, HubModel pinned) throws IOException {
    return new Snapshot(cache, pinned).find().isPresent();
  }

  private static HubModel named(HubCache cache, HubModel pinned) {
    try {
      List<String> names = cache.names(pinned.revisionOrMain());
      boolean directory = names.contains(ModelContents.CONFIG);
      boolean ggufs = names.stream().anyMatch(name -> name.endsWith(".gguf"));
      return directory || !ggufs || pinned.file().isPresent()
          ? pinned
          : new ModelContents(pinned, names).gguf().map(pinned::withFile).orElse(pinned);
    } catch (IOException e) {
      return pinned; // fetching it says what is wrong
    }
  }

  /**
   * The local directory or GGUF file of a model, downloaded if it is not here.
   *
   * @throws LongformException INVALID_MODEL with a sentence, CANCELLED if the thread was
   *     interrupted
   */
  public Path fetch(HubModel model) {
    HubModel pinned = pin(model);
    HubCache cache = cache(pinned);
    Snapshot snapshot = new Snapshot(cache, pinned);
    return asking(
        pinned,
        () -> {
          Path path = fetch(pinned, cache, snapshot);
          remember(cache, pinned);
          return path;
        });
  }

  private Path fetch(HubModel pinned, HubCache cache, Snapshot snapshot)
      throws IOException, InterruptedException {
    Optional<Snapshot.Found> found = snapshot.find();
    if (found.isPresent() && (found.get().certain() || settings.offline())) {
      return found.get().path();
    }
    if (settings.offline()) {
      throw offline(pinned);
    }
    try {
      return download(pinned, cache, snapshot);
    } catch (HubMisbehaved | ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      // the hub cannot be asked, or its cache cannot be written
      if (found.isEmpty()) {
        throw e;
      }
      LOG.warn("Using model '{}' as it is in the cache: {}.", pinned, settings.shown(e.toString()));
      return found.get().path();
    }
  }

  private Path download(HubModel pinned, HubCache cache, Snapshot snapshot)
      throws IOException, InterruptedException {
    ProcessLock lock =
        ProcessLock.hold(
            cache.lockFile(),
            () -> LOG.info("Waiting for another process that downloads model '{}'.", pinned));
    try {
      Optional<Snapshot.Found> found = snapshot.find();
      if (found.isPresent() && found.get().certain()) {
        return found.get().path(); // another process was faster
      }
      String commit = pinned.revisionOrMain();
      HubClient.Listing listing = client.listing(pinned);
      ModelContents contents = new ModelContents(pinned, listing.files());
      Optional<String> gguf = contents.gguf();
      cache.createHome(commit);
      if (gguf.isPresent()) {
        Set<String> parts = contents.parts(gguf.get());
        download(pinned, cache, parts);
        for (String part : parts) {
          cache.inside(commit, part);
        }
        return cache.inside(commit, gguf.get());
      }
      Set<String> small = contents.small();
      download(pinned, cache, small);
      Set<String> weights = contents.weights(cache.snapshot(commit));
      download(pinned, cache, weights);
      for (String name : ModelContents.OPTIONAL) {
        if (!listing.files().contains(name)) {
          cache.writeMissing(name, commit);
        }
      }
      Set<String> all = new TreeSet<>(small);
      all.addAll(weights);
      for (String name : all) {
        cache.inside(commit, name);
      }
      return cache.snapshot(commit);
    } finally {
      lock.close();
    }
  }

  private void download(HubModel pinned, HubCache cache, Set<String> names)
      throws IOException, InterruptedException {
    String commit = pinned.revisionOrMain();
    List<HubFile> files = new ArrayList<>();
    long total = 0;
    long here = 0;
    for (String name : names) {
      HubFile file = client.file(pinned, name);
      files.add(file);
      total = Math.addExact(total, file.bytes());
      here += cache.bytesHere(file, commit);
    }
    requireRoom(pinned, cache, total - here);
    HubDownload download = new HubDownload(client, pinned);
    progress.begin(pinned.id(), here, total);
    try {
      long done = 0;
      for (HubFile file : files) {
        long before = done;
        if (!cache.isCopied(file, commit)) {
          if (!cache.holds(file)) {
            Path partial = cache.partial(file);
            download.run(file, partial, cache.blob(file), bytes -> progress.at(before + bytes));
          }
          cache.link(file, commit);
        }
        done += file.bytes();
      }
    } finally {
      progress.end();
    }
    if (total > here) {
      LOG.info("Downloaded {} bytes of model '{}' to {}.", total - here, pinned, cache.home());
    }
  }

  private static void requireRoom(HubModel model, HubCache cache, long bytes) throws IOException {
    long room = Files.getFileStore(cache.home()).getUsableSpace();
    if (room < bytes) {
      throw HubRefusals.invalid(
          String.format(
              Locale.ROOT,
              "Cannot download model '%s': %,d bytes are missing and there is room for %,d (directory %s). Free some, or set HF_HUB_CACHE to a directory with more.",
              model,
              bytes,
              room,
              cache.home()));
    }
  }

  private HubCache cache(HubModel model) {
    return new HubCache(settings.cache(), model, linker);
  }

  private LongformException offline(HubModel model) {
    return HubRefusals.invalid(
        "Cannot find model '%s': there is no such local directory, it is not whole in the cache %s, and nothing may be downloaded (HF_HUB_OFFLINE). Download it where that is allowed, or name a Hugging Face directory or a .gguf file."
            .formatted(model, settings.cache()));
  }

  private <T> T asking(HubModel model, Asking<T> asking) {
    try {
      return asking.run();
    } catch (HubUnreachable e) {
      throw HubRefusals.invalid(
          "Cannot download model '%s': there is no such local directory, and %s cannot be asked, %s. Check the network, HF_ENDPOINT and the proxy's variables; with HF_HUB_OFFLINE=1 only the cache is used (%s)."
              .formatted(
                  model, settings.endpoint(), settings.shown(e.getMessage()), settings.cache()));
    } catch (HubMisbehaved e) {
      throw client.refusals().misbehaved(model, e.getMessage());
    } catch (InterruptedException | ClosedByInterruptException e) {
      Thread.currentThread().interrupt();
      throw new LongformException(
          ErrorClass.CANCELLED,
          "Cannot download model '%s': the task was cancelled. Run it again; what arrived is kept."
              .formatted(model),
          e);
    } catch (IOException | InvalidPathException e) {
      throw HubRefusals.invalid(
          "Cannot write model '%s' to this machine: %s (directory %s). Check the directory's permissions and free space, or set HF_HUB_CACHE to another."
              .formatted(model, settings.shown(e.toString()), settings.cache()));
    }
  }
}
