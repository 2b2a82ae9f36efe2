package org.longform.bench.engines;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Tensor;

/** A device that sums up how long each of its operations takes, for one thread of callers. */
public final class ProfilingKernels {
  private static final class Sum {
    private long calls;
    private long nanos;
  }

  private final Map<String, Sum> sums = new TreeMap<>();
  private long began = System.nanoTime();

  /** The same device, watched. */
  public Kernels watch(Kernels delegate) {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (proxy, method, arguments) -> call(delegate, method, arguments));
  }

  private Object call(Kernels delegate, Method method, Object[] arguments) throws Throwable {
    long begin = System.nanoTime();
    try {
      return method.invoke(delegate, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      Sum sum = sums.computeIfAbsent(describe(method, arguments), name -> new Sum());
      sum.calls++;
      sum.nanos += System.nanoTime() - begin;
    }
  }

  /** The operation, and what tells one kind of call from another. */
  private static String describe(Method method, Object[] arguments) {
    String name = method.getName();
    if (name.equals("matmul") && arguments[1] instanceof Weight weight) {
      return "matmul %s tokens by %s".formatted(((Tensor) arguments[0]).rows(), weight.shape());
    }
    if (name.equals("matmul") && arguments[1] instanceof List<?> weights) {
      return "matmul %s tokens by %s"
          .formatted(
              ((Tensor) arguments[0]).rows(),
              weights.stream().map(weight -> ((Weight) weight).shape()).toList());
    }
    return arguments != null && arguments[0] instanceof AttendRequest request
        ? "attend %d tokens".formatted(request.tokens())
        : name;
  }

  /** Forgets what came before. */
  public void restart() {
    sums.clear();
    began = System.nanoTime();
  }

  /** A table of what was spent since the last restart, the dearest first. */
  public String table() {
    long all = System.nanoTime() - began;
    long known = sums.values().stream().mapToLong(sum -> sum.nanos).sum();
    StringBuilder text = new StringBuilder();
    sums.entrySet().stream()
        .sorted(Comparator.comparingLong(entry -> -entry.getValue().nanos))
        .forEach(entry -> line(text, entry.getKey(), entry.getValue(), all));
    Sum rest = new Sum();
    rest.nanos = all - known;
    line(text, "outside the device", rest, all);
    return text.toString();
  }

  private static void line(StringBuilder text, String name, Sum sum, long all) {
    text.append(
        String.format(
            Locale.ROOT,
            "%10.2f ms  %5.1f%%  %7d calls  %s%n",
            sum.nanos / 1e6,
            100.0 * sum.nanos / all,
            sum.calls,
            name));
  }
}
