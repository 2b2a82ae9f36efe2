package org.longform.kernels.device.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The native library: found in the jar, loaded once for the process. */
final class CpuLibrary {
  /** An instruction set of the library; {@code missing} says what the processor lacks, or null. */
  record InstructionSet(int index, String name, String missing) {}

  private static final String FILE = "liblongform_cpu.so";
  private static final String REFUSAL;
  private static final List<InstructionSet> INSTRUCTION_SETS;

  static {
    String refusal = load();
    List<InstructionSet> sets = new ArrayList<>();
    for (int i = 0; refusal == null && i < CpuNative.isaCount(); i++) {
      sets.add(new InstructionSet(i, CpuNative.isaName(i), CpuNative.isaMissing(i)));
    }
    REFUSAL = refusal;
    INSTRUCTION_SETS = List.copyOf(sets);
  }

  private CpuLibrary() {}

  /** Why the library cannot be used, or null. */
  static String refusal() {
    return REFUSAL;
  }

  /** Best first; empty if there is no library. */
  static List<InstructionSet> instructionSets() {
    return INSTRUCTION_SETS;
  }

  private static String load() {
    String platform = platform();
    String resource = "/native/" + platform + "/" + FILE;
    try (InputStream library = CpuLibrary.class.getResourceAsStream(resource)) {
      if (library == null) {
        return "this build has no native library for "
            + platform
            + " (no C++ compiler was there when it was built; ci/setup installs one)";
      }
      Path file = Files.createTempFile("liblongform_cpu", ".so");
      try {
        Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
        System.load(file.toString());
      } finally {
        // once loaded the system keeps what it needs
        Files.deleteIfExists(file);
      }
    } catch (IOException | UnsatisfiedLinkError e) {
      return "its native library does not load (" + e.getMessage() + ")";
    }
    return CpuNative.abi() == CpuNative.ABI
        ? null
        : "its native library has interface %d, the program %d"
            .formatted(CpuNative.abi(), CpuNative.ABI);
  }

  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    return os + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }
}
