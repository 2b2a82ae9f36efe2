package org.longform.models;

import java.util.Optional;
import java.util.function.UnaryOperator;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.ModelExport;
import org.longform.kernels.model.StoredModel;

/** Writes what a change of its weights and sizes makes of a model; see {@link ModelConversion}. */
public final class ModelChange {
  private ModelChange() {}

  /**
   * @param change answers a model that is closed instead of the given one, and closes it
   * @return what another program will do otherwise than this product with the target, if anything
   * @throws LongformException INVALID_OPTION if the target is there or cannot have the type
   */
  public static Optional<String> run(ConversionRequest request, UnaryOperator<StoredModel> change) {
    ModelConversion conversion = new ModelConversion(request);
    conversion.requireHolds(request.dtype());
    conversion.requireFree();
    try (StoredModel model = changed(StoredModel.open(request.source().path()), change)) {
      return conversion.write(model, new ModelExport(model, request.dtype()));
    }
  }

  private static StoredModel changed(StoredModel model, UnaryOperator<StoredModel> change) {
    try {
      return change.apply(model);
    } catch (Throwable e) {
      model.close();
      throw e;
    }
  }
}
