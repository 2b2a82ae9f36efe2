package org.longform.kernels.weights.checkpoint;

import java.util.List;
import java.util.Set;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.StoredBytes;

/**
 * Checkpoints of AutoAWQ in its GEMM layout. {@code w[o, i] = scales[g, o] * (q[i, o] - z[g, o])}
 * with g = i / group: {@code qweight} (N, O/8) and {@code qzeros} (N/group, O/8) hold eight columns
 * in an int32, of which bits 4k to 4k + 3 are column {@code ORDER[k]}.
 */
final class AwqFormat implements CheckpointFormat {
  private static final int BITS = 4;
  private static final int[] ORDER = {0, 2, 4, 6, 1, 3, 5, 7};
  private static final int IN_WORD = ORDER.length;

  private static final String WEIGHT = ".qweight";
  private static final String ZEROS = ".qzeros";
  private static final String SCALES = ".scales";

  @Override
  public List<String> methods() {
    return List.of("awq");
  }

  @Override
  public ModuleLayout layout(QuantisationConfig config) {
    if (config.bits("bits") != BITS) {
      throw config.unsupported("bits", "4");
    }
    String version = config.text("version").orElse("gemm");
    if (!version.equalsIgnoreCase("gemm")) {
      throw config.unsupported("version", "gemm");
    }
    if (!config.flag("zero_point", true)) {
      throw config.unsupported("zero_point", "true");
    }
    return new Layout(config.group("group_size"));
  }

  /**
   * @param group 0 for whole rows
   */
  private record Layout(int group) implements ModuleLayout {
    @Override
    public String description() {
      return "awq (4 bits in groups of %s, with zero points)"
          .formatted(group == 0 ? "a row" : group);
    }

    @Override
    public Set<String> endings() {
      return Set.of(WEIGHT, ZEROS, SCALES);
    }

    @Override
    public boolean isMain(String ending, String dtype) {
      return ending.equals(WEIGHT);
    }

    @Override
    public Shape shape(StoredModule module) {
      Shape packed = module.matrix(WEIGHT, "I32");
      return Shape.of(packed.axis(1) * IN_WORD, packed.axis(0));
    }

    @Override
    public QuantisedMatrix open(StoredModule module) {
      Shape shape = shape(module);
      int outputs = (int) shape.axis(0);
      int inputs = (int) shape.axis(1);
      int size = group == 0 ? inputs : Math.min(group, inputs);
      int groups = (inputs + size - 1) / size;
      module.matrix(ZEROS, "I32");
      module.requireShape(ZEROS, groups, outputs / IN_WORD);
      module.requireShape(SCALES, groups, outputs);
      return new Matrix(
          shape, module.steps(SCALES), zeros(module.ints(ZEROS)), size, module.open(WEIGHT));
    }

    private static byte[] zeros(int[] words) {
      byte[] zeros = new byte[Math.multiplyExact(words.length, IN_WORD)];
      for (int i = 0; i < words.length; i++) {
        for (int k = 0; k < IN_WORD; k++) {
          zeros[i * IN_WORD + ORDER[k]] = (byte) level(words[i], k);
        }
      }
      return zeros;
    }
  }

  private static int level(int word, int k) {
    return (word >>> (BITS * k)) & ((1 << BITS) - 1);
  }

  /**
   * @param scales (N/group, O)
   * @param zeros (N/group, O)
   */
  private record Matrix(Shape shape, float[] scales, byte[] zeros, int group, StoredBytes words)
      implements QuantisedMatrix {
    @Override
    public void read(int first, int count, float[] levels, float[] steps) {
      int inputs = (int) shape.axis(1);
      int outputs = (int) shape.axis(0);
      int[] some = new int[count / IN_WORD];
      for (int i = 0; i < inputs; i++) {
        words.read((long) i * (outputs / IN_WORD) + first / IN_WORD, some, some.length);
        int ofGroup = i / group * outputs + first;
        for (int w = 0; w < some.length; w++) {
          for (int k = 0; k < IN_WORD; k++) {
            int row = w * IN_WORD + ORDER[k];
            int to = row * inputs + i;
            levels[to] = level(some[w], k) - zeros[ofGroup + row];
            steps[to] = scales[ofGroup + row];
          }
        }
      }
    }

    @Override
    public void close() {
      words.close();
    }
  }
}
