package org.longform.kernels.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.longform.kernels.attention.PositionEncoding.Rope;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec.Trait;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.weights.GgufMetadata;
import org.longform.kernels.weights.GgufWeights;
import org.longform.kernels.weights.GgufWriter;
import org.longform.kernels.weights.SafetensorsWriter;
import org.longform.kernels.weights.TensorSpec;
import org.longform.kernels.weights.WeightSource;

/**
 * Writes a model in another format or type: everything but its tokenizer. Matrices get the type
 * that was asked for, vectors F32; see {@link WeightTransfer} for the matrix that makes the logits.
 */
public final class ModelExport {
  /** Types that safetensors files can have. */
  public static final Set<DType> SAFETENSORS = Set.of(DType.F32, DType.F16, DType.BF16);

  // enum llama_ftype: what a GGUF file is mostly made of
  private static final Map<DType, Integer> FILE_TYPES =
      new EnumMap<>(
          Map.of(
              DType.F32, 0,
              DType.F16, 1,
              DType.Q4_0, 2,
              DType.Q8_0, 7,
              DType.Q5_0, 8,
              DType.Q4_K, 14,
              DType.Q5_K, 16,
              DType.Q6_K, 18,
              DType.BF16, 32));
  private static final long QUANTISATION_VERSION = 2;
  private static final long LARGEST_WHOLE = (1L << Integer.SIZE) - 1;

  private final StoredModel source;
  private final WeightSource weights;
  private final MatrixTypes types;

  /**
   * @param source stays with the caller
   * @param dtype of the matrices
   */
  public ModelExport(StoredModel source, DType dtype) {
    this(source, source.weights(), MatrixTypes.all(dtype));
  }

  /**
   * @param source stays with the caller
   * @param weights what is written instead of the source's own, by the same names; asked for in the
   *     order in which a token meets them
   */
  public ModelExport(StoredModel source, WeightSource weights, MatrixTypes types) {
    this.source = source;
    this.weights = weights;
    this.types = types;
  }

  /**
   * The metadata of a GGUF file for the model: all keys of the source if it is one, else those that
   * describe the decoder. The caller may add others.
   *
   * @throws LongformException UNSUPPORTED_MODEL if GGUF has no words for it
   */
  public GgufMetadata ggufMetadata(String name) {
    GgufMetadata metadata;
    if (source.weights().origin() instanceof GgufWeights stored) {
      metadata = stored.metadata().copy();
      if (stored != source.weights()) {
        Keys keys = new Keys(metadata, form().architecture());
        sizeKeys(keys);
        // where only the heads would tell it, and there are fewer now
        headKeys(keys);
      }
    } else {
      metadata = decoderKeys(name);
    }
    metadata.putUint32("general.file_type", FILE_TYPES.get(types.mostly()));
    if (types.anyQuantised()) {
      metadata.putUint32("general.quantization_version", QUANTISATION_VERSION);
    }
    return metadata;
  }

  /**
   * @param metadata from {@link #ggufMetadata}
   */
  public void writeGguf(Path file, GgufMetadata metadata) {
    DecoderSpec spec = source.spec();
    GgufForm form = form();
    WeightTransfer transfer =
        new WeightTransfer(
            source,
            weights,
            spec.stored(form.names(), spec.rope().laidOut(form.layout()), ggufTraits()),
            types);
    List<TensorSpec> tensors = new ArrayList<>();
    RopeScaling scaling = spec.rope().scaling();
    boolean divided =
        scaling instanceof RopeScaling.Llama3 || scaling instanceof RopeScaling.Divided;
    if (divided) {
      // before the others: llama.cpp's converter has it there, too
      tensors.add(
          new TensorSpec(RopeDivisors.TENSOR, DType.F32, Shape.of(spec.rope().rotaryDims() / 2)));
    }
    if (scaling instanceof RopeScaling.LongRope) {
      Shape pairs = Shape.of(spec.rope().rotaryDims() / 2);
      tensors.add(new TensorSpec(RopeDivisors.FAR, DType.F32, pairs));
      tensors.add(new TensorSpec(RopeDivisors.NEAR, DType.F32, pairs));
    }
    tensors.addAll(transfer.tensors());
    try (GgufWriter writer = GgufWriter.create(file, metadata, tensors)) {
      if (divided) {
        writer.write(RopeDivisors.of(scaling, spec.rope().theta(), spec.rope().rotaryDims()));
      }
      if (scaling instanceof RopeScaling.LongRope two) {
        writer.write(floats(two.far()));
        writer.write(floats(two.near()));
      }
      transfer.write(writer);
      writer.finish();
    }
    requireAlike(file);
  }

  /** A file that is read as another model, or not at all, is not left behind. */
  private void requireAlike(Path file) {
    try {
      if (!Alike.compute(source.spec(), StoredModel.spec(file))) {
        throw unsupported("GGUF has no words for its factors, windows or positions");
      }
    } catch (Throwable e) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException left) {
        e.addSuppressed(left);
      }
      throw e;
    }
  }

  private static float[] floats(List<Double> values) {
    float[] floats = new float[values.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = values.get(i).floatValue();
    }
    return floats;
  }

  /** Norms are stored there as their factors are. */
  private Set<Trait> ggufTraits() {
    Set<Trait> traits = EnumSet.noneOf(Trait.class);
    traits.addAll(source.spec().traits());
    traits.remove(Trait.NORMS_AROUND_ONE);
    return traits;
  }

  private boolean isGguf() {
    return source.weights().origin() instanceof GgufWeights;
  }

  /** What a directory made from a GGUF file is written by. */
  private void requireLlama() {
    if (isGguf() && !source.spec().family().equals("llama")) {
      throw unsupported(
          "of .gguf files those of family 'llama' alone become directories, and this is one of family '%s'"
              .formatted(source.spec().family()));
    }
  }

  /**
   * @throws LongformException UNSUPPORTED_MODEL if it has weights that are none of a layer
   */
  public void writeSafetensors(Path file) {
    DecoderSpec spec = source.spec();
    if (spec.rope().scaling() instanceof RopeScaling.Clex) {
      throw unsupported("the weights of its scaling of positions must stay as they are");
    }
    requireLlama();
    DecoderSpec target =
        isGguf()
            ? spec.stored(
                WeightNames.HUGGING_FACE,
                spec.rope().laidOut(Rope.Layout.HALF_SPLIT),
                spec.traits())
            : spec;
    WeightTransfer transfer = new WeightTransfer(source, weights, target, types);
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, transfer.tensors())) {
      transfer.write(writer);
      writer.finish();
    }
  }

  /**
   * What {@code config.json} says of the model beside {@link #writeSafetensors}.
   *
   * @throws LongformException UNSUPPORTED_MODEL if it has no words for it
   */
  public Map<String, Object> config() {
    DecoderSpec spec = source.spec();
    Map<String, Object> config = new TreeMap<>(source.config().values());
    config.put(
        "torch_dtype",
        switch (types.mostly()) {
          case F16 -> "float16";
          case BF16 -> "bfloat16";
          default -> "float32";
        });
    // newer files call it so
    config.remove("dtype");
    if (isGguf()) {
      requireLlama();
      if (spec.rope().scaling() instanceof RopeScaling.Divided) {
        throw unsupported("config.json has no word for the numbers in " + RopeDivisors.TENSOR);
      }
      if (spec.has(Trait.QKV_BIAS) != spec.has(Trait.OUTPUT_BIAS)) {
        throw unsupported("config.json has one word for the biases of q, k, v and of the output");
      }
      // numbers are float32 in the file: 1e-05, not 9.99999974737875E-6
      config.replaceAll((key, value) -> value instanceof Double d ? shortest(d) : value);
      config.put("hidden_act", "silu");
      config.put("head_dim", spec.headDim());
      config.put("attention_bias", spec.has(Trait.QKV_BIAS));
      config.put("mlp_bias", spec.has(Trait.FFN_BIAS));
    }
    return config;
  }

  private static double shortest(double value) {
    float narrow = (float) value;
    return narrow == value ? Double.parseDouble(Float.toString(narrow)) : value;
  }

  private GgufForm form() {
    return ModelFamilies.named(source.spec().family())
        .gguf()
        .orElseThrow(
            () -> unsupported("GGUF has no family '%s'".formatted(source.spec().family())));
  }

  private GgufMetadata decoderKeys(String name) {
    DecoderSpec spec = source.spec();
    String architecture = form().architecture();
    Keys keys = new Keys(new GgufMetadata(), architecture);
    keys.metadata
        .putText(GgufConfig.ARCHITECTURE, architecture)
        .putText("general.type", "model")
        .putText("general.name", name);
    keys.whole(
        "max_position_embeddings",
        source.config().has("max_position_embeddings")
            ? source.config().tokens("max_position_embeddings")
            : spec.trainedWindow());
    sizeKeys(keys);
    headKeys(keys);
    keys.metadata.putUint32(architecture + ".vocab_size", spec.vocabulary());
    if (!form().knows("layer_norm_epsilon")) {
      keys.fraction("rms_norm_eps", spec.normEpsilon());
    }
    if (spec.rope().rotaryDims() > 0) {
      keys.fraction("rope_theta", spec.rope().theta());
      keys.whole("partial_rotary_factor", spec.rope().rotaryDims());
    }
    scalingKeys(keys, spec.rope().scaling());
    ModelConfig config = ModelFamilies.named(spec.family()).usual(source.config());
    form()
        .counts()
        .keySet()
        .forEach(
            word -> {
              if (config.has(word)) {
                keys.whole(word, config.tokens(word));
              }
            });
    form()
        .numbers()
        .keySet()
        .forEach(word -> config.anyNumber(word).ifPresent(value -> keys.fraction(word, value)));
    return keys.metadata;
  }

  private void sizeKeys(Keys keys) {
    keys.whole("hidden_size", source.spec().hidden());
    keys.whole("num_hidden_layers", source.spec().layers());
    keys.perLayer("intermediate_size", LayerShape::intermediate);
    keys.perLayer("num_attention_heads", LayerShape::heads);
    keys.perLayer("num_key_value_heads", LayerShape::kvHeads);
  }

  private void headKeys(Keys keys) {
    keys.whole("head_dim", source.spec().headDim());
    keys.metadata.putUint32(keys.architecture + ".attention.value_length", source.spec().headDim());
  }

  private void scalingKeys(Keys keys, RopeScaling scaling) {
    if (scaling instanceof RopeScaling.Linear linear) {
      keys.text("rope_scaling.rope_type", "linear");
      keys.fraction("rope_scaling.factor", linear.factor());
    } else if (scaling instanceof RopeScaling.Yarn yarn
        && yarn.ramp().borders() == RopeScaling.Yarn.Borders.WHOLE) {
      keys.text("rope_scaling.rope_type", "yarn");
      keys.fraction("rope_scaling.factor", yarn.factor());
      keys.whole("rope_scaling.original_max_position_embeddings", yarn.ramp().window());
      keys.fraction("rope_scaling.beta_fast", yarn.ramp().betaFast());
      keys.fraction("rope_scaling.beta_slow", yarn.ramp().betaSlow());
      double magnitude = RopeScaling.Yarn.magnitude(yarn.factor(), 1);
      if (yarn.attentionFactor() != magnitude) {
        keys.fraction("rope_scaling.attention_factor", yarn.attentionFactor() / magnitude);
      }
    } else if (scaling instanceof RopeScaling.LongRope two) {
      keys.whole("rope_scaling.original_max_position_embeddings", two.window());
      keys.fraction("rope_scaling.attention_factor", two.attentionFactor());
    } else if (scaling instanceof RopeScaling.Dynamic
        || scaling instanceof RopeScaling.Yarn
        || scaling instanceof RopeScaling.Clex) {
      throw unsupported(
          "GGUF has no word for its scaling of positions (%s)"
              .formatted(scaling.getClass().getSimpleName().toLowerCase(Locale.ROOT)));
    }
  }

  private LongformException unsupported(String why) {
    return new LongformException(
        ErrorClass.UNSUPPORTED_MODEL,
        "Cannot convert model '%s': %s. Use the model as it is."
            .formatted(source.config().place(), why));
  }

  /** Keys by their words in config.json. */
  private final class Keys {
    private final GgufMetadata metadata;
    private final String architecture;

    Keys(GgufMetadata metadata, String architecture) {
      this.metadata = metadata;
      this.architecture = architecture;
    }

    /** A list if the layers differ, as llama.cpp has it. */
    void perLayer(String word, ToIntFunction<LayerShape> size) {
      long[] sizes = source.spec().layerShapes().stream().mapToInt(size).asLongStream().toArray();
      if (Arrays.stream(sizes).distinct().count() == 1) {
        whole(word, sizes[0]);
      } else {
        metadata.putInt32s(key(word), sizes);
      }
    }

    void whole(String word, long value) {
      if (value > LARGEST_WHOLE) {
        throw unsupported(
            "%s = %d is more than the %d that GGUF has room for"
                .formatted(key(word), value, LARGEST_WHOLE));
      }
      metadata.putUint32(key(word), value);
    }

    void fraction(String word, double value) {
      metadata.putFloat32(key(word), value);
    }

    void text(String word, String value) {
      metadata.putText(key(word), value);
    }

    private String key(String word) {
      return architecture + "." + form().words().get(word);
    }
  }
}
