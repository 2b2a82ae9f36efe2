package org.longform.kernels.tensor;

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

/** Parts of files as read-only memory that is unmapped on close. */
public final class MappedFile {
  private static final MethodHandle UNMAP = findUnmap();

  private MappedFile() {}

  /**
   * Maps at most 2 GiB. A file that is open for writing grows to {@code from + count} bytes if it
   * has fewer. The channel may be closed afterwards.
   */
  public static Memory map(FileChannel channel, long from, long count) throws IOException {
    MappedByteBuffer buffer = channel.map(FileChannel.MapMode.READ_ONLY, from, count);
    return Memory.wrap(buffer, () -> unmap(buffer));
  }

  private static void unmap(ByteBuffer buffer) {
    try {
      UNMAP.invokeExact(buffer);
    } catch (Throwable e) {
      throw new LongformException(ErrorClass.INTERNAL, "Cannot unmap a file: " + e + ".", e);
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
