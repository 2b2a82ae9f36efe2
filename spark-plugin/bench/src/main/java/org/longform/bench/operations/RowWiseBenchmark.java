package org.longform.bench.operations;

import java.util.concurrent.TimeUnit;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Operations that go over rows once, at the widths of a 0.5B model: {@code ci/bench jmh RowWise}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class RowWiseBenchmark {
  private static final int HIDDEN = 1024;
  private static final int INTERMEDIATE = 4864;

  @Param("auto")
  public String device;

  @Param({"1", "512"})
  public int tokens;

  private Kernels kernels;
  private Tensor ones;
  private Weight gain;
  private Tensor x;
  private Tensor y;
  private Tensor gate;
  private Tensor up;

  @Setup(Level.Trial)
  public void open() {
    kernels = OpenDevice.open(device);
    ones = OpenDevice.random(1, HIDDEN);
    gain = kernels.weight(Tensor.view(ones.dtype(), Shape.of(HIDDEN), ones.memory(), 0));
    x = OpenDevice.random(tokens, HIDDEN);
    y = OpenDevice.random(tokens, HIDDEN);
    gate = OpenDevice.random(tokens, INTERMEDIATE);
    up = OpenDevice.random(tokens, INTERMEDIATE);
  }

  @Benchmark
  public Tensor rmsNorm() {
    kernels.rmsNorm(x, gain, 1e-5, y);
    return y;
  }

  /** The gate shrinks from call to call; the time does not depend on it. */
  @Benchmark
  public Tensor swiGlu() {
    kernels.swiGlu(gate, up);
    return gate;
  }

  @Benchmark
  public Tensor add() {
    kernels.add(y, x);
    return y;
  }

  @TearDown(Level.Trial)
  public void close() {
    gain.close();
    ones.close();
    x.close();
    y.close();
    gate.close();
    up.close();
  }
}
