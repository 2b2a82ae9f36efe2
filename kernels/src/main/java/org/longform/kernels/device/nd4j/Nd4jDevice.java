package org.longform.kernels.device.nd4j;

import java.util.Optional;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOpsHolder;

/** ND4J with its own OpenBLAS on the processor. */
public final class Nd4jDevice implements DeviceProvider {
  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public String description() {
    return "ND4J arrays and its BLAS on the processor, in float32.";
  }

  @Override
  public Optional<String> whyUnavailable() {
    return Optional.ofNullable(Backend.REFUSAL);
  }

  /** Everything is widened that is not float32 already, see {@link Nd4jWeight}. */
  @Override
  public long ownBytes(DType stored, Shape shape) {
    return stored == DType.F32 ? 0 : shape.elements() * Float.BYTES;
  }

  /**
   * Opens the device. ND4J's BLAS has one number of threads for the whole process, so the device
   * that was opened last decides it.
   */
  @Override
  public Kernels open(int threads) {
    if (threads < 1) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot open device 'nd4j': %d threads are too few. Give at least 1.".formatted(threads));
    }
    whyUnavailable()
        .ifPresent(
            refusal -> {
              throw new LongformException(
                  ErrorClass.DEVICE_UNAVAILABLE,
                  "Cannot use device 'nd4j': %s. Choose another device or 'auto'."
                      .formatted(refusal));
            });
    NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(threads);
    Nd4j.factory().blas().setMaxThreads(threads);
    return new Nd4jKernels();
  }

  /** Loads ND4J on first use, once. */
  private static final class Backend {
    static final String REFUSAL = load();

    private Backend() {}

    private static String load() {
      try (Memory first = Memory.allocate(1);
          INDArray one = Nd4j.createUninitialized(DataType.FLOAT, 1)) {
        // Memory goes first: it lifts JavaCPP's limits before ND4J's natives read them
        return first.size() == one.length() ? null : "ND4J makes arrays of the wrong length";
      } catch (LinkageError | RuntimeException e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
          cause = cause.getCause();
        }
        return "ND4J's native library does not load (%s)".formatted(cause);
      }
    }
  }
}
