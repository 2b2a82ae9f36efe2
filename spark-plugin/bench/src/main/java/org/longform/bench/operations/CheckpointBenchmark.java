package org.longform.bench.operations;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.longform.bench.models.ModelShape;
import org.longform.bench.models.RandomModels;
import org.longform.kernels.cache.KvDType;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ModelLimits;
import org.longform.kernels.model.Decoder;
import org.longform.kernels.model.Session;
import org.longform.kernels.model.SessionOptions;
import org.longform.kernels.tensor.DType;
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
 * What a checkpoint costs beside the reading between two of them, under LM-Infinite with a full
 * window: {@code ci/bench jmh Checkpoint}. With one every n tokens its share of the time is {@code
 * checkpoint * 512 / (n * block)}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 1, time = 2)
@Measurement(iterations = 3, time = 4)
public class CheckpointBenchmark {
  private static final int BLOCK = 512;

  @Param("0.25B")
  public String model;

  @Param("4096")
  public int window;

  private Path folder;
  private Decoder decoder;
  private Session session;
  private final int[] tokens = new int[BLOCK];

  @Setup(Level.Trial)
  public void open() throws IOException {
    folder = Files.createTempDirectory("longform-checkpoints-");
    Path file = new RandomModels(folder).file(ModelShape.byName(model), DType.Q8_0);
    decoder = Decoder.load(file, OpenDevice.open("auto"));
    ModelLimits limits = decoder.limits();
    session =
        decoder.open(
            ContextStrategies.create(
                "lm-infinite",
                Map.of("local-size", Integer.toString(window), "chunk-size", "128"),
                limits),
            SessionOptions.DEFAULT.withKvDType(KvDType.F16));
    for (int i = 0; i < BLOCK; i++) {
      tokens[i] = i % decoder.spec().vocabulary();
    }
    while (session.length() < window + BLOCK) {
      session.feed(tokens, 0, BLOCK);
    }
  }

  /** Reads 512 tokens. */
  @Benchmark
  public long block() {
    session.feed(tokens, 0, BLOCK);
    return session.length();
  }

  /** Writes the session, with a checksum, through Hadoop's local file system. */
  @Benchmark
  public long checkpoint() throws IOException {
    org.apache.hadoop.fs.Path partial =
        new org.apache.hadoop.fs.Path(folder.resolve("partial").toUri());
    org.apache.hadoop.fs.Path target =
        new org.apache.hadoop.fs.Path(folder.resolve("checkpoint").toUri());
    FileSystem files = partial.getFileSystem(new Configuration());
    try (DataOutputStream out =
        new DataOutputStream(
            new CheckedOutputStream(
                new BufferedOutputStream(files.create(partial, true), 1 << 16), new CRC32C()))) {
      session.save(out);
    }
    files.delete(target, false);
    files.rename(partial, target);
    return files.getFileStatus(target).getLen();
  }

  @TearDown(Level.Trial)
  public void close() throws IOException {
    session.close();
    decoder.close();
    new RandomModels(folder).delete();
    try (var left = Files.list(folder)) {
      for (Path file : left.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }
}
