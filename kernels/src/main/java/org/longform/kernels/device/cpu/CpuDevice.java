package org.longform.kernels.device.cpu;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.cpu.CpuLibrary.InstructionSet;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;

/** The processor by native kernels, with the best instruction set it has or one that is named. */
public final class CpuDevice implements DeviceProvider {
  private static final String NAME = "cpu";

  private final String forced;

  public CpuDevice() {
    this(null);
  }

  private CpuDevice(String forced) {
    this.forced = forced;
  }

  @Override
  public String name() {
    return forced == null ? NAME : NAME + "-" + forced;
  }

  @Override
  public String description() {
    return "Native kernels on the processor, with its best vector instructions.";
  }

  @Override
  public List<DeviceProvider> variants() {
    return CpuLibrary.instructionSets().stream()
        .<DeviceProvider>map(set -> new CpuDevice(set.name()))
        .toList();
  }

  @Override
  public Optional<String> whyUnavailable() {
    if (CpuLibrary.refusal() != null) {
      return Optional.of(CpuLibrary.refusal());
    }
    return chosen().isPresent()
        ? Optional.empty()
        : Optional.of(
            CpuLibrary.instructionSets().stream()
                .filter(set -> set.name().equals(forced))
                .map(InstructionSet::missing)
                .findFirst()
                .orElse("its library has no instruction set '%s'".formatted(forced)));
  }

  @Override
  public Optional<String> detail() {
    return chosen()
        .map(
            set ->
                "instruction set %s%s"
                    .formatted(
                        set.name(),
                        CpuLibrary.instructionSets().stream()
                            .filter(other -> other.missing() != null)
                            .map(other -> "; not %s: %s".formatted(other.name(), other.missing()))
                            .collect(Collectors.joining())));
  }

  /** All cores: one pool serves every task and lends a task only threads that no other needs. */
  @Override
  public int defaultThreads(int taskCores, int processCores) {
    return processCores;
  }

  /** Vectors are widened, see {@link CpuWeight}. */
  @Override
  public long ownBytes(DType stored, Shape shape) {
    return shape.rank() == 1 && stored != DType.F32 ? shape.elements() * Float.BYTES : 0;
  }

  @Override
  public Kernels open(int threads) {
    if (threads < 1) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot open device '%s': %d threads are too few. Give at least 1."
              .formatted(name(), threads));
    }
    InstructionSet set =
        chosen()
            .orElseThrow(
                () ->
                    new LongformException(
                        ErrorClass.DEVICE_UNAVAILABLE,
                        "Cannot use device '%s': %s. Choose another device or 'auto'."
                            .formatted(name(), whyUnavailable().orElseThrow())));
    return new CpuKernels(CpuHandle.open(set.index(), threads));
  }

  private Optional<InstructionSet> chosen() {
    return CpuLibrary.instructionSets().stream()
        .filter(set -> set.missing() == null)
        .filter(set -> forced == null || forced.equals(set.name()))
        .findFirst();
  }
}
