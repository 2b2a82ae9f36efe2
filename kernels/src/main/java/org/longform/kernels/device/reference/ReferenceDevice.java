package org.longform.kernels.device.reference;

import java.util.Optional;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;

/** The scalar Java device: always there, slow, exact. */
public final class ReferenceDevice implements DeviceProvider {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "Scalar Java with float64 sums; slow, for checking other devices.";
  }

  @Override
  public Optional<String> whyUnavailable() {
    return Optional.empty();
  }

  @Override
  public Kernels open(int threads) {
    return new ReferenceKernels();
  }
}
