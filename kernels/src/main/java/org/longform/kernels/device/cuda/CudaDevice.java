package org.longform.kernels.device.cuda;

import java.util.Optional;
import java.util.OptionalLong;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.cpu.NativeCards;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * One NVIDIA card of those that {@code CUDA_VISIBLE_DEVICES} leaves: the one that Spark assigned to
 * the process, else the first.
 */
public final class CudaDevice implements DeviceProvider {
  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String description() {
    return "An NVIDIA card of compute capability 8.0 or more.";
  }

  @Override
  public Optional<String> whyUnavailable() {
    String text = assigned();
    return text.matches("\\d{1,4}")
        ? NativeCards.whyUnavailable(card())
        : Optional.of("card '%s' is no number (see %s)".formatted(text, Devices.CARD_PROPERTY));
  }

  @Override
  public Optional<String> detail() {
    return whyUnavailable().isPresent()
        ? Optional.empty()
        : Optional.of("card %d, %s".formatted(card(), NativeCards.name(card())));
  }

  /** For what the card does not do: all cores, as on device {@code cpu}. */
  @Override
  public int defaultThreads(int taskCores, int processCores) {
    return processCores;
  }

  @Override
  public OptionalLong memoryBytes() {
    return whyUnavailable().isPresent() ? OptionalLong.empty() : NativeCards.memoryBytes(card());
  }

  @Override
  public Kernels open(int threads) {
    Optional<String> refusal = whyUnavailable();
    if (refusal.isPresent()) {
      throw new LongformException(
          ErrorClass.DEVICE_UNAVAILABLE,
          "Cannot use device '%s': %s. Choose another device or 'auto'."
              .formatted(name(), refusal.get()));
    }
    return NativeCards.open(card(), threads);
  }

  private static int card() {
    return Integer.parseInt(assigned());
  }

  private static String assigned() {
    return System.getProperty(Devices.CARD_PROPERTY, "0");
  }
}
