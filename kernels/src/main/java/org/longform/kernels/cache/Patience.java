package org.longform.kernels.cache;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * How long a document that is refused memory by a full device asks again: while others are being
 * read, whose pages may move when their block ends. Who uses it must not be reading a document
 * itself, or it waits for itself.
 */
public final class Patience {
  // between two refusals in a row with nobody else reading nothing can have become free
  private static final int LAST_ALONE = 2;

  private final KvCache cache;
  private final BooleanSupplier cancelled;
  private int alone;

  /**
   * @param cancelled polled while waiting
   */
  public Patience(KvCache cache, BooleanSupplier cancelled) {
    this.cache = cache;
    this.cancelled = cancelled;
  }

  /**
   * Takes memory, as soon as it is there.
   *
   * @param taking is begun anew after each refusal, and must have given back what it took
   * @throws LongformException what {@code taking} throws; OUT_OF_MEMORY if there is no room though
   *     nobody else reads; CANCELLED
   */
  public static <T> T with(KvCache cache, BooleanSupplier cancelled, Supplier<T> taking) {
    Patience patience = new Patience(cache, cancelled);
    while (true) {
      try {
        return taking.get();
      } catch (LongformException refusal) {
        if (!isRefusal(refusal) || !patience.lasts()) {
          throw refusal;
        }
      }
    }
  }

  /** Whether somebody had no room, and may have it later. */
  public static boolean isRefusal(Throwable failure) {
    return failure instanceof LongformException e && e.errorClass() == ErrorClass.OUT_OF_MEMORY;
  }

  /** After a refusal: waits a little for other documents; answers whether to ask again. */
  public boolean lasts() {
    alone = cache.awaitOthers(cancelled) ? 0 : alone + 1;
    return alone < LAST_ALONE;
  }
}
