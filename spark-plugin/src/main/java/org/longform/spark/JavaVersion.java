package org.longform.spark;

import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which Java the plugin runs on. */
final class JavaVersion {
  private static final Logger LOG = LoggerFactory.getLogger(JavaVersion.class);
  private static final int TRIED = 17;
  // Java 24 took the security manager away; Hadoop's getSubject, which every file access of Spark
  // 3.5 and 4.0 goes through, fails without it
  private static final int TOO_NEW = 24;

  private JavaVersion() {}

  /**
   * @param feature the number users call the version by
   * @throws LongformException DEVICE_UNAVAILABLE
   */
  static void check(int feature) {
    if (feature < TRIED || feature >= TOO_NEW) {
      throw new LongformException(
          ErrorClass.DEVICE_UNAVAILABLE,
          "Cannot start Longform: this is Java %d, on which %s. Run Spark on Java %d."
              .formatted(
                  feature,
                  feature < TRIED
                      ? "its classes do not load"
                      : "Spark's file access fails (getSubject is not supported)",
                  TRIED));
    }
    if (feature != TRIED) {
      LOG.warn("Longform is tested on Java {} only; this is Java {}.", TRIED, feature);
    }
  }
}
