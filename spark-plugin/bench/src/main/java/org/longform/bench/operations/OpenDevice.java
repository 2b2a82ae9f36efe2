package org.longform.bench.operations;

import java.util.SplittableRandom;
import org.longform.kernels.device.Devices;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.tensor.Tensor;

/** What every benchmark needs: a device by name, and numbers. */
final class OpenDevice {
  private OpenDevice() {}

  /**
   * @param name as users write it; {@code auto} is the fastest here
   */
  static Kernels open(String name) {
    return Devices.choose(name).open(Runtime.getRuntime().availableProcessors());
  }

  /** Normal numbers, the same for each run. */
  static Tensor random(long rows, long width) {
    SplittableRandom random = new SplittableRandom(rows * width);
    float[] values = new float[Math.toIntExact(rows * width)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.of(values, rows, width);
  }
}
