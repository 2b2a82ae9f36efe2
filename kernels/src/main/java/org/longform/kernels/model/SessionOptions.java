package org.longform.kernels.model;

import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.longform.kernels.cache.KvDType;

/**
 * How a session behaves toward its caller.
 *
 * @param cancelled polled before every block and every layer; once it answers true the call fails
 *     with CANCELLED
 * @param kvDType how keys and values are stored
 */
public record SessionOptions(BooleanSupplier cancelled, KvDType kvDType) {
  /** Never cancelled, nothing rounded. */
  public static final SessionOptions DEFAULT = new SessionOptions(() -> false);

  public SessionOptions {
    Objects.requireNonNull(cancelled, "cancelled");
    Objects.requireNonNull(kvDType, "kvDType");
  }

  /** Keys and values in float32. */
  public SessionOptions(BooleanSupplier cancelled) {
    this(cancelled, KvDType.F32);
  }

  public SessionOptions withKvDType(KvDType dtype) {
    return new SessionOptions(cancelled, dtype);
  }
}
