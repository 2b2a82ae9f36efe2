package org.longform.runtime;

import java.util.OptionalLong;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.Rows;
import org.longform.kernels.context.ContextChoice;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.model.DecoderSpec;
import org.longform.models.ModelLocation;

/**
 * A model that reads documents, and what that takes of memory; its weights need not be loaded.
 *
 * @param context how it attends
 * @param dtype how keys and values are stored
 */
public record ReadingModel(
    ModelLocation location, DecoderSpec spec, ContextChoice context, KvDType dtype) {

  /** Bytes of the keys and values of a token. */
  public long kvBytesPerToken() {
    return spec.kvShape(dtype).bytesPerToken();
  }

  /** Bytes on the Java heap that the context remembers of a token, in all layers. */
  public long heapBytesPerToken() {
    double bytes = 0;
    for (int layer = 0; layer < spec.layers(); layer++) {
      bytes += context.example().heapBytesPerToken(spec.queryWidth(layer));
    }
    return (long) Math.ceil(bytes);
  }

  /** The most tokens of a document that are cached at once; empty where that grows with it. */
  public OptionalLong mostTokensHeld() {
    return context.example().mostTokensHeld();
  }

  /** The most tokens that are cached at once of a text of some length. */
  public long tokensHeld(long length) {
    if (length == 0) {
      return 0;
    }
    ContextStrategy strategy = context.forDocument();
    long kept = strategy.retain(Rows.range(0, length), length).maxCount();
    long block = strategy.nextChunk(length, length);
    return Math.min(strategy.mostTokensHeld().orElse(length), Math.min(length, kept + block));
  }
}
