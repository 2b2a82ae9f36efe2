package org.longform.kernels.model;

import java.io.DataInput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.weights.WeightSource;

/**
 * A loaded model: immutable, shared by all threads. What changes while a document is read lives in
 * its {@link Session}.
 *
 * <p>The weights stay until the decoder is closed and the last of its sessions too.
 */
public final class Decoder implements AutoCloseable {
  private final DecoderSpec spec;
  private final Kernels kernels;
  private final WeightSource source;
  private final DecoderWeights weights;
  private final DecodeBatcher batcher;
  private final Map<Object, Companion> companions = new HashMap<>();
  // the decoder itself and every open session
  private final AtomicInteger holders = new AtomicInteger(1);
  private final AtomicBoolean closed = new AtomicBoolean();

  /** What is made once for a model and freed with its weights. */
  public interface Companion extends AutoCloseable {
    @Override
    void close();
  }

  private Decoder(DecoderSpec spec, Kernels kernels, WeightSource source, DecoderWeights weights) {
    this.spec = spec;
    this.kernels = kernels;
    this.source = source;
    this.weights = weights;
    this.batcher = new DecodeBatcher(kernels.alikeRows());
  }

  /**
   * Loads a model: a GGUF file, or a Hugging Face directory with {@code config.json} and {@code
   * model.safetensors} or its shards. The files are mapped, so they must not be changed while the
   * decoder is open.
   *
   * @param kernels the device; it stays with the caller and must outlive the decoder
   * @throws LongformException INVALID_MODEL or UNSUPPORTED_MODEL saying what is wrong
   */
  public static Decoder load(Path path, Kernels kernels) {
    return load(StoredModel.open(path), kernels);
  }

  /**
   * Loads a model whose files are open, which from now on belong to the decoder; they are closed if
   * this fails, too.
   *
   * @param kernels as for {@link #load(Path, Kernels)}
   */
  public static Decoder load(StoredModel stored, Kernels kernels) {
    try {
      DecoderSpec spec = stored.spec();
      WeightSource source = stored.weights();
      return new Decoder(spec, kernels, source, DecoderWeights.load(spec, source, kernels));
    } catch (Throwable e) {
      stored.close();
      throw e;
    }
  }

  public DecoderSpec spec() {
    return spec;
  }

  /** What the defaults of context strategies depend on. */
  public ModelLimits limits() {
    return spec.limits();
  }

  public Kernels kernels() {
    return kernels;
  }

  /** Bytes of the model's tensors in its files; mapped, so shared with other processes. */
  public long mappedBytes() {
    return source.bytes();
  }

  /**
   * How the model's files store its weights and what those became, where that is more than a view
   * of the files: sentences without a full stop.
   */
  public List<String> storageNotes() {
    return source.storageNotes();
  }

  /** Bytes the device's own form of the weights takes beside the files. */
  public long ownedBytes() {
    return weights.ownedBytes();
  }

  /** Bytes of the keys and values of one token, stored in this way. */
  public long kvBytesPerToken(KvDType dtype) {
    return spec.kvShape(dtype).bytesPerToken();
  }

  /** An empty cache for one document of this model, where its device reads it. */
  KvCache cache(SessionOptions options) {
    return new KvCache(
        spec.kvShape(options.kvDType()),
        options.kvMemory(),
        kernels.memory(),
        kernels.pinnedMemory());
  }

  /** A session for one document, never cancelled. */
  public Session open(ContextStrategy strategy) {
    return open(strategy, SessionOptions.DEFAULT);
  }

  /**
   * A session for one document.
   *
   * @param strategy made for this document alone
   */
  public Session open(ContextStrategy strategy, SessionOptions options) {
    return Session.start(this, strategy, options);
  }

  /**
   * Tokens that are to go through the layers in ranges.
   *
   * @throws LongformException INVALID_INPUT for a token outside the vocabulary, CANCELLED,
   *     OUT_OF_MEMORY
   */
  public Passage passage(List<Passage.Token> tokens, SessionOptions options) {
    return Passage.begin(this, options, tokens);
  }

  /** Reads the generated tokens of sessions of this model, those that come together at once. */
  public DecodeBatcher batcher() {
    return batcher;
  }

  /**
   * What goes with this model, such as a matrix that leads from its states to those of another one:
   * made when it is first asked for, and freed with the weights. To be called and used while a
   * session is open.
   *
   * @param key what it is, in all that makes it
   * @param making its type must follow from the key's
   */
  @SuppressWarnings("unchecked")
  public <T extends Companion> T companion(Object key, Supplier<T> making) {
    synchronized (companions) {
      Companion known = companions.get(key);
      if (known == null) {
        known = making.get();
        companions.put(key, known);
      }
      return (T) known;
    }
  }

  /**
   * A session that goes on where another one was saved.
   *
   * @param strategy as the other session's, made for this document alone
   * @param in what {@link Session#save} wrote, which may come from anywhere
   * @throws LongformException INVALID_INPUT if it does not fit this model, strategy and options
   * @throws IOException if {@code in} fails or ends early
   */
  public Session resume(ContextStrategy strategy, SessionOptions options, DataInput in)
      throws IOException {
    Session session = open(strategy, options);
    try {
      session.restore(in);
      return session;
    } catch (Throwable e) {
      session.close();
      throw e;
    }
  }

  DecoderWeights weights() {
    return weights;
  }

  /** Keeps the weights for one more session; {@link #release} gives them back. */
  void hold() {
    if (closed.get() || holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) == 0) {
      throw new LongformException(
          ErrorClass.INTERNAL, "Cannot open a session: the model is closed. Load it again.");
    }
  }

  void release() {
    if (holders.decrementAndGet() == 0) {
      try {
        synchronized (companions) {
          companions.values().forEach(Companion::close);
          companions.clear();
        }
        weights.close();
      } finally {
        source.close();
      }
    }
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      release();
    }
  }
}
