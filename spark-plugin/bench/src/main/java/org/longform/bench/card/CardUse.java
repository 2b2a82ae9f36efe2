package org.longform.bench.card;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.longform.kernels.device.Devices;

/** Memory in use on the card, by whomever, as NVIDIA's own tool tells it. */
final class CardUse {
  private static final long MEBI = 1 << 20;

  private CardUse() {}

  /** Bytes; empty where there is no such tool or it does not answer. */
  static OptionalLong bytes() {
    ProcessBuilder asked =
        new ProcessBuilder(
                "nvidia-smi",
                "--id=" + System.getProperty(Devices.CARD_PROPERTY, "0"),
                "--query-gpu=memory.used",
                "--format=csv,noheader,nounits")
            .redirectErrorStream(true);
    try {
      Process process = asked.start();
      String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      boolean ended = process.waitFor(10, TimeUnit.SECONDS);
      String number = answer.strip();
      return ended && number.matches("\\d{1,9}")
          ? OptionalLong.of(Long.parseLong(number) * MEBI)
          : OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return OptionalLong.empty();
    }
  }
}
