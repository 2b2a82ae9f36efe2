package org.longform.kernels.model;

import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * How a session behaves toward its caller.
 *
 * @param cancelled polled before every block and every layer; once it answers true the call fails
 *     with CANCELLED
 */
public record SessionOptions(BooleanSupplier cancelled) {
  /** Never cancelled. */
  public static final SessionOptions DEFAULT = new SessionOptions(() -> false);

  public SessionOptions {
    Objects.requireNonNull(cancelled, "cancelled");
  }
}
