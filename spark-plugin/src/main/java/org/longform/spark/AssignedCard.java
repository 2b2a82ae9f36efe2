package org.longform.spark;

import java.util.List;
import java.util.Optional;
import org.apache.spark.resource.ResourceInformation;
import org.longform.kernels.device.Devices;

/**
 * The card that Spark gave an executor ({@code spark.executor.resource.gpu.*}), as the number it
 * has in this process.
 */
final class AssignedCard {
  private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";

  private AssignedCard() {}

  /** Tells devices of the first address, if there is one. */
  static void use(ResourceInformation gpu) {
    if (gpu != null && gpu.addresses().length > 0) {
      String card = number(gpu.addresses()[0], Optional.ofNullable(System.getenv(VISIBLE)));
      System.setProperty(Devices.CARD_PROPERTY, card);
    }
  }

  /**
   * @param address as the discovery script named it
   * @param visible addresses that the driver shows to this process, with commas; it counts them
   *     anew; a single one is the first, also where it has another name (UUID) there
   */
  static String number(String address, Optional<String> visible) {
    List<String> shown = List.of(visible.orElse("").split(",", -1));
    boolean single = shown.size() == 1 && !shown.get(0).isBlank();
    if (single) {
      return "0";
    }
    return shown.contains(address) ? Integer.toString(shown.indexOf(address)) : address;
  }
}
