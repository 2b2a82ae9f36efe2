package org.longform.kernels.weights;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Memory;

/**
 * A part of a file as memory. Parts of up to 2 GiB are mapped read-only and unmapped on close; Java
 * 17 maps no more at once, so larger ones are copied into memory of our own, piece by piece.
 */
final class MappedBytes {
  private static final long LARGEST_MAP = Integer.MAX_VALUE;
  private static final MethodHandle UNMAP = findUnmap();

  private MappedBytes() {}

  static Memory map(FileChannel channel, long from, long count) throws IOException {
    return map(channel, from, count, LARGEST_MAP);
  }

  /** {@code largest} bytes are mapped at once, at most. */
  static Memory map(FileChannel channel, long from, long count, long largest) throws IOException {
    if (count == 0) {
      return Memory.allocate(0);
    }
    if (count <= largest) {
      return piece(channel, from, count);
    }
    Memory copy = Memory.allocate(count);
    try {
      for (long done = 0; done < count; done += largest) {
        long bytes = Math.min(largest, count - done);
        try (Memory piece = piece(channel, from + done, bytes)) {
          copy.copyFrom(piece, 0, done, bytes);
        }
      }
      return copy;
    } catch (Throwable e) {
      copy.close();
      throw e;
    }
  }

  private static Memory piece(FileChannel channel, long from, long count) throws IOException {
    MappedByteBuffer buffer = channel.map(FileChannel.MapMode.READ_ONLY, from, count);
    return Memory.wrap(buffer, () -> unmap(buffer));
  }

  private static void unmap(ByteBuffer buffer) {
    try {
      UNMAP.invokeExact(buffer);
    } catch (Throwable e) {
      throw new LongformException(ErrorClass.INTERNAL, "Cannot unmap a model file: " + e + ".", e);
    }
  }

  // a mapping otherwise lives until a garbage collection that nothing off the heap brings about
  private static MethodHandle findUnmap() {
    try {
      Class<?> unsafe = Class.forName("sun.misc.Unsafe");
      Field instance = unsafe.getDeclaredField("theUnsafe");
      instance.setAccessible(true);
      return MethodHandles.lookup()
          .findVirtual(unsafe, "invokeCleaner", MethodType.methodType(void.class, ByteBuffer.class))
          .bindTo(instance.get(null));
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }
}
