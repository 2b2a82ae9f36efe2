package org.longform.kernels.device;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.longform.kernels.device.cpu.CpuDevice;
import org.longform.kernels.device.cuda.CudaDevice;
import org.longform.kernels.device.nd4j.Nd4jDevice;
import org.longform.kernels.device.reference.ReferenceDevice;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The list of devices, fastest first. To add one: one provider, one line here. */
public final class Devices {
  public static final List<DeviceProvider> ALL =
      List.of(new CudaDevice(), new CpuDevice(), new Nd4jDevice(), new ReferenceDevice());

  /**
   * System property with the number of the card that a device with several takes, counted from 0;
   * Spark's executors set it to the one that they were assigned.
   */
  public static final String CARD_PROPERTY = "longform.card";

  /** The word for "the first in the list that works here". */
  public static final String AUTO = "auto";

  private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

  // a device is chosen for each query: why another is not says the log once
  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

  private Devices() {}

  /**
   * Chooses a device. A name that was asked for is never replaced by another.
   *
   * @throws LongformException DEVICE_UNAVAILABLE with the reason, or INVALID_OPTION for an unknown
   *     name
   */
  public static DeviceProvider choose(String name) {
    for (DeviceProvider provider : ALL) {
      if (!name.equals(AUTO) && !name.equals(provider.name())) {
        continue;
      }
      Optional<String> refusal = provider.whyUnavailable();
      if (refusal.isEmpty()) {
        return provider;
      }
      if (name.equals(provider.name())) {
        throw new LongformException(
            ErrorClass.DEVICE_UNAVAILABLE,
            "Cannot use device '%s': %s. Choose another device or 'auto'."
                .formatted(name, refusal.get()));
      }
      if (TOLD.add(provider.name() + refusal.get())) {
        LOG.info("Device '{}' is not used: {}.", provider.name(), refusal.get());
      }
    }
    throw new LongformException(
        ErrorClass.INVALID_OPTION,
        "Cannot use device '%s': it is unknown (known: %s, %s)."
            .formatted(
                name,
                AUTO,
                ALL.stream().map(DeviceProvider::name).collect(Collectors.joining(", "))));
  }
}
