package org.longform.bench.operations;

import java.util.concurrent.TimeUnit;
import org.longform.bench.models.RandomModels;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.Weight;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
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
 * The product of one block of tokens and the largest matrix of a 0.5B layer: {@code ci/bench jmh
 * Matmul}, a device by {@code -p device=nd4j}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class MatmulBenchmark {
  private static final long INNER = 1024;
  private static final long OUTER = 4864;

  @Param("auto")
  public String device;

  @Param({"F32", "F16", "BF16", "Q8_0", "Q4_0"})
  public DType dtype;

  @Param({"1", "16", "512"})
  public int tokens;

  private Kernels kernels;
  private Memory memory;
  private Weight weight;
  private Tensor x;
  private Tensor out;

  @Setup(Level.Trial)
  public void open() {
    kernels = OpenDevice.open(device);
    memory = RandomModels.blocks(dtype, OUTER * INNER);
    weight = kernels.weight(Tensor.view(dtype, Shape.of(OUTER, INNER), memory, 0));
    x = OpenDevice.random(tokens, INNER);
    out = Tensor.allocate(tokens, OUTER);
  }

  @Benchmark
  public Tensor matmul() {
    kernels.matmul(x, weight, out);
    return out;
  }

  @TearDown(Level.Trial)
  public void close() {
    weight.close();
    memory.close();
    x.close();
    out.close();
  }
}
