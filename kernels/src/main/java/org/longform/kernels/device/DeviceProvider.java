package org.longform.kernels.device;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;

/** A kind of device: says whether it can work here, and opens it. */
public interface DeviceProvider {
  /** The word users write, for example {@code nd4j}. */
  String name();

  /** One line on what it is. */
  String description();

  /** Why it cannot be used in this process, as part of a sentence; empty if it can. */
  Optional<String> whyUnavailable();

  /** What a user wants to know of it in this process, for example its instruction set. */
  default Optional<String> detail() {
    return Optional.empty();
  }

  /** The same device restricted in some way, for tests and measurements; it is not chosen. */
  default List<DeviceProvider> variants() {
    return List.of();
  }

  /**
   * Threads to open it with when the user gave no number.
   *
   * @param taskCores cores of one of the tasks that will call it at once
   * @param processCores cores of all of them together
   */
  default int defaultThreads(int taskCores, int processCores) {
    return taskCores;
  }

  /**
   * Bytes that it will take for a weight beside those of the file, to be told before a model is
   * loaded.
   */
  default long ownBytes(DType stored, Shape shape) {
    return 0;
  }

  /**
   * Bytes of the memory of its own that weights, keys and values lie in, as they were free when it
   * was first asked for; empty if they lie in that of the process.
   */
  default OptionalLong memoryBytes() {
    return OptionalLong.empty();
  }

  /**
   * Opens the device.
   *
   * @param threads threads one operation may use, at least 1
   */
  Kernels open(int threads);
}
