package org.longform.kernels.cache;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * How long a document that is refused memory by a full device asks again: until it was refused
 * though all others were at rest meanwhile. What those hold that are being read may move when their
 * block ends, and what those hold that ask for memory, too, becomes free if they are refused. Who
 * uses it must not be reading a document itself, or it waits for itself.
 */
public final class Patience {
  private final KvCache cache;
  private final KvMemory memory;
  private final BooleanSupplier cancelled;
  private boolean over;

  /**
   * @param cancelled polled while waiting
   */
  public Patience(KvCache cache, BooleanSupplier cancelled) {
    this.cache = cache;
    this.memory = cache.store().budget();
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
        return patience.ask(taking);
      } catch (LongformException failure) {
        if (!isRefusal(failure) || !patience.lasts()) {
          throw failure;
        }
      }
    }
  }

  /** Whether somebody had no room, and may have it later. */
  public static boolean isRefusal(Throwable failure) {
    return failure instanceof LongformException e && e.errorClass() == ErrorClass.OUT_OF_MEMORY;
  }

  /** Asks for memory once; what fails must have given back what it took. */
  public <T> T ask(Supplier<T> taking) {
    memory.documentStirs();
    long others = memory.rests() - cache.rests();
    try {
      return taking.get();
    } catch (Throwable failure) {
      over = memory.aloneSince(others + cache.rests());
      throw failure;
    } finally {
      memory.documentRests();
    }
  }

  /** After a refusal: waits a little for other documents; answers whether to ask again. */
  public boolean lasts() {
    if (!over) {
      memory.awaitOthers(cancelled);
    }
    return !over;
  }
}
