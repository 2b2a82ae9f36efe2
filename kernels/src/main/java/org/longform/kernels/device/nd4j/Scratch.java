package org.longform.kernels.device.nd4j;

/** Working memory of one call of attention or top-k; used by one thread at a time. */
final class Scratch {
  final FloatBlock queries = new FloatBlock();
  final FloatBlock keys = new FloatBlock();
  final FloatBlock values = new FloatBlock();
  final FloatBlock scores = new FloatBlock();
  final FloatBlock mixed = new FloatBlock();
  final Exponentials exponentials = new Exponentials();
  private float[] wide = new float[0];
  private float[] narrow = new float[0];

  /** At least {@code count} floats on the heap. */
  float[] wide(int count) {
    if (wide.length < count) {
      wide = new float[count];
    }
    return wide;
  }

  /** Another array of at least {@code count} floats on the heap. */
  float[] narrow(int count) {
    if (narrow.length < count) {
      narrow = new float[count];
    }
    return narrow;
  }
}
