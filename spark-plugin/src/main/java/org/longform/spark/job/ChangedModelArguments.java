package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.weights.GgufWeights;
import org.longform.models.ConversionRequest;
import org.longform.models.ModelLocation;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a command writes a model that it changed, and in which type of numbers. */
final class ChangedModelArguments {
  @Mixin private TargetArguments written;

  @Option(
      names = "--dtype",
      paramLabel = "<type>",
      order = -3,
      description =
          "Type of the matrices, as for 'longform convert'. Default: that of the model, and f16 for"
              + " a directory that cannot have it.")
  private String dtype;

  Path target() {
    return written.target();
  }

  /** Bytes of what was written. */
  long bytes() throws IOException {
    return written.bytes();
  }

  ConversionRequest request(ModelLocation model) {
    return new ConversionRequest(
        model,
        target(),
        dtype == null ? storedType(model) : WeightTypes.named("--dtype", dtype),
        written.ifExists());
  }

  private DType storedType(ModelLocation location) {
    try (StoredModel model = StoredModel.open(location.path())) {
      DType stored = model.matrixType();
      return stored.isQuantised() && !GgufWeights.isGguf(target()) ? DType.F16 : stored;
    }
  }
}
