package org.longform.kernels.tensor;

/**
 * JavaCPP's own limits on native memory. By default it refuses to allocate once the process,
 * memory-mapped model files included, is larger than twice the Java heap; an executor that maps a
 * model meets that at once. Memory is budgeted by the runtime instead, so both limits are lifted
 * unless the user has set them.
 */
final class NativeLimits {
  private static final String[] PROPERTIES = {
    "org.bytedeco.javacpp.maxbytes", "org.bytedeco.javacpp.maxphysicalbytes"
  };

  private NativeLimits() {}

  /** Has an effect only before JavaCPP's Pointer class is initialised. */
  static void lift() {
    for (String property : PROPERTIES) {
      if (System.getProperty(property) == null) {
        System.setProperty(property, "0");
      }
    }
  }
}
