package org.longform.kernels.device;

import java.util.Optional;

/** A kind of device: says whether it can work here, and opens it. */
public interface DeviceProvider {
  /** The word users write, for example {@code nd4j}. */
  String name();

  /** One line on what it is. */
  String description();

  /** Why it cannot be used in this process, as part of a sentence; empty if it can. */
  Optional<String> whyUnavailable();

  /**
   * Opens the device.
   *
   * @param threads threads one operation may use, at least 1
   */
  Kernels open(int threads);
}
