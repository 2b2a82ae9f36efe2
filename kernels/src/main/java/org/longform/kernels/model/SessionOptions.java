package org.longform.kernels.model;

import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.cache.KvMemory;

/**
 * How a session behaves toward its caller.
 *
 * @param cancelled polled before every block and every layer; once it answers true the call fails
 *     with CANCELLED
 * @param kvDType how keys and values are stored
 * @param kvMemory the budget of their memory, shared with the sessions that are given the same
 */
public record SessionOptions(BooleanSupplier cancelled, KvDType kvDType, KvMemory kvMemory) {
  /** Never cancelled, nothing rounded, everything in memory. */
  public static final SessionOptions DEFAULT = new SessionOptions(() -> false);

  public SessionOptions {
    Objects.requireNonNull(cancelled, "cancelled");
    Objects.requireNonNull(kvDType, "kvDType");
    Objects.requireNonNull(kvMemory, "kvMemory");
  }

  /** Keys and values in float32, all of them in memory. */
  public SessionOptions(BooleanSupplier cancelled) {
    this(cancelled, KvDType.F32, KvMemory.UNLIMITED);
  }

  public SessionOptions withKvDType(KvDType dtype) {
    return new SessionOptions(cancelled, dtype, kvMemory);
  }

  public SessionOptions withKvMemory(KvMemory memory) {
    return new SessionOptions(cancelled, kvDType, memory);
  }
}
