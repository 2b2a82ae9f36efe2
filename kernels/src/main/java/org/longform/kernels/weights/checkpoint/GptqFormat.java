package org.longform.kernels.weights.checkpoint;

import java.util.List;
import java.util.Set;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.StoredBytes;

/**
 * Checkpoints of AutoGPTQ and GPTQModel. {@code w[o, i] = scales[g, o] * (q[i, o] - z[g, o])} with
 * g = {@code g_idx[i]}, or i / group where that is missing. With f = 32 / bits, {@code qweight}
 * (N/f, O) holds f rows in an int32, the first in the lowest bits, and {@code qzeros} (groups, O/f)
 * f columns.
 *
 * <p>{@code checkpoint_format} "gptq" stores zero points less one, as they lie in their bits: what
 * is stored as the largest number stands for zero. "gptq_v2" stores them as they are.
 */
final class GptqFormat implements CheckpointFormat {
  private static final String WEIGHT = ".qweight";
  private static final String ZEROS = ".qzeros";
  private static final String SCALES = ".scales";
  private static final String GROUPS = ".g_idx";
  // older files have the first word, newer ones may have the second
  private static final List<String> FORMAT = List.of("checkpoint_format", "format");
  private static final String SECOND = "gptq_v2";

  @Override
  public List<String> methods() {
    return List.of("gptq");
  }

  @Override
  public ModuleLayout layout(QuantisationConfig config) {
    String word = FORMAT.stream().filter(config::has).findFirst().orElse(FORMAT.get(0));
    String format = config.text(word).orElse("gptq");
    if (!format.equals("gptq") && !format.equals(SECOND)) {
      throw config.unsupported(word, "gptq or " + SECOND);
    }
    if (config.has("dynamic")) {
      // "-:" rules leave modules plain, which their tensors show
      for (String rule : config.section("dynamic").orElseThrow().words()) {
        if (!rule.startsWith("-:")) {
          throw config.unsupported("dynamic", "no rules for some modules but those to leave out");
        }
      }
    }
    return new Layout(
        config.bits("bits"),
        config.group("group_size"),
        config.flag("desc_act", false),
        config.flag("sym", true),
        format.equals(SECOND) ? 0 : 1);
  }

  /**
   * @param group 0 for whole rows
   * @param added to a stored zero point
   */
  private record Layout(int bits, int group, boolean ordered, boolean symmetric, int added)
      implements ModuleLayout {
    @Override
    public String description() {
      return "gptq (%d bits in groups of %s, %s%s)"
          .formatted(
              bits,
              group == 0 ? "a row" : group,
              symmetric ? "symmetric" : "with zero points",
              ordered ? ", in the order of activations" : "");
    }

    @Override
    public Set<String> endings() {
      return Set.of(WEIGHT, ZEROS, SCALES, GROUPS);
    }

    @Override
    public boolean isMain(String ending, String dtype) {
      return ending.equals(WEIGHT);
    }

    private int inWord() {
      return Integer.SIZE / bits;
    }

    @Override
    public Shape shape(StoredModule module) {
      Shape packed = module.matrix(WEIGHT, "I32");
      return Shape.of(packed.axis(1), packed.axis(0) * inWord());
    }

    @Override
    public QuantisedMatrix open(StoredModule module) {
      Shape shape = shape(module);
      int outputs = (int) shape.axis(0);
      int inputs = (int) shape.axis(1);
      int size = group == 0 ? inputs : Math.min(group, inputs);
      int groups = (inputs + size - 1) / size;
      int zeroWords = (outputs + inWord() - 1) / inWord();
      module.matrix(ZEROS, "I32");
      module.requireShape(ZEROS, groups, zeroWords);
      module.requireShape(SCALES, groups, outputs);
      return new Matrix(
          shape,
          bits,
          module.steps(SCALES),
          zeros(module.ints(ZEROS), groups, outputs),
          groupOfInputs(module, inputs, groups, size),
          module.open(WEIGHT));
    }

    private short[] zeros(int[] words, int groups, int outputs) {
      short[] zeros = new short[Math.multiplyExact(groups, outputs)];
      int perRow = words.length / groups;
      for (int g = 0; g < groups; g++) {
        for (int o = 0; o < outputs; o++) {
          int stored = level(words[g * perRow + o / inWord()], o % inWord(), bits);
          zeros[g * outputs + o] = (short) ((stored + added) & ((1 << bits) - 1));
        }
      }
      return zeros;
    }

    private static int[] groupOfInputs(StoredModule module, int inputs, int groups, int size) {
      if (!module.has(GROUPS)) {
        int[] inOrder = new int[inputs];
        for (int i = 0; i < inputs; i++) {
          inOrder[i] = i / size;
        }
        return inOrder;
      }
      module.requireShape(GROUPS, inputs);
      int[] groupOf = module.ints(GROUPS);
      for (int i = 0; i < inputs; i++) {
        if (groupOf[i] < 0 || groupOf[i] >= groups) {
          throw module.invalid(
              "tensor '%s%s' puts input %d into group %d, expected one from 0 to %d"
                  .formatted(module.name(), GROUPS, i, groupOf[i], groups - 1));
        }
      }
      return groupOf;
    }
  }

  private static int level(int word, int k, int bits) {
    return (word >>> (bits * k)) & ((1 << bits) - 1);
  }

  /**
   * @param scales (groups, O)
   * @param zeros (groups, O)
   * @param groupOf each input
   */
  private record Matrix(
      Shape shape, int bits, float[] scales, short[] zeros, int[] groupOf, StoredBytes words)
      implements QuantisedMatrix {
    @Override
    public void read(int first, int count, float[] levels, float[] steps) {
      int outputs = (int) shape.axis(0);
      int inputs = (int) shape.axis(1);
      int inWord = Integer.SIZE / bits;
      int[] some = new int[count];
      for (int i = 0; i < inputs; i++) {
        if (i % inWord == 0) {
          words.read((long) (i / inWord) * outputs + first, some, count);
        }
        int ofGroup = groupOf[i] * outputs + first;
        for (int row = 0; row < count; row++) {
          int to = row * inputs + i;
          levels[to] = level(some[row], i % inWord, bits) - zeros[ofGroup + row];
          steps[to] = scales[ofGroup + row];
        }
      }
    }

    @Override
    public void close() {
      words.close();
    }
  }
}
