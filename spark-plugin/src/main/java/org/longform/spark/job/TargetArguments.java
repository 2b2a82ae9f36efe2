package org.longform.spark.job;

import java.io.IOException;
import java.nio.file.Path;
import org.longform.kernels.model.StoredModel;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.weights.GgufWeights;
import org.longform.models.ConversionRequest;
import org.longform.models.ConversionRequest.IfExists;
import org.longform.models.ModelLocation;
import picocli.CommandLine.Option;

/** Where a command writes a model that it changed, and in which type of numbers. */
final class TargetArguments {
  @Option(
      names = "--to",
      required = true,
      paramLabel = "<path>",
      order = -19,
      description =
          "What to write: a path that ends in .gguf, or else a directory; appears when it is"
              + " complete.")
  private Path target;

  @Option(
      names = "--dtype",
      paramLabel = "<type>",
      order = -3,
      description =
          "Type of the matrices, as for 'longform convert'. Default: that of the model, and f16 for"
              + " a directory that cannot have it.")
  private String dtype;

  @Option(names = "--overwrite", order = -2, description = "Replace a model that is there already.")
  private boolean overwrite;

  Path target() {
    return target;
  }

  /** Bytes of what was written. */
  long bytes() throws IOException {
    return WrittenModel.bytes(target);
  }

  ConversionRequest request(ModelLocation model) {
    return new ConversionRequest(
        model,
        target,
        dtype == null ? storedType(model) : WrittenModel.type("--dtype", dtype),
        overwrite ? IfExists.REPLACE : IfExists.REFUSE);
  }

  private DType storedType(ModelLocation location) {
    try (StoredModel model = StoredModel.open(location.path())) {
      DType stored = model.matrixType();
      return stored.isQuantised() && !GgufWeights.isGguf(target) ? DType.F16 : stored;
    }
  }
}
