package org.longform.kernels.weights;

import java.nio.file.Path;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Memory;
import org.longform.kernels.tensor.Shape;
import org.longform.kernels.tensor.Tensor;

/** One GGUF file. Each tensor is mapped when it is first asked for. */
final class GgufFile implements AutoCloseable {
  private final TensorFile file;
  private final GgufHeader header;

  private GgufFile(TensorFile file, GgufHeader header) {
    this.file = file;
    this.header = header;
  }

  static GgufFile open(Path path) {
    return TensorFile.open(path, file -> new GgufFile(file, GgufHeader.read(path, file.channel())));
  }

  Path path() {
    return file.path();
  }

  GgufMetadata metadata() {
    return header.metadata();
  }

  Map<String, GgufTensor> tensors() {
    return header.tensors();
  }

  /** The tensor; a view of the mapped file, or of its copy if it is larger than 2 GiB. */
  Tensor tensor(String name, Shape expected) {
    GgufTensor tensor = tensors().get(name);
    file.requireShape(name, tensor.shape(), expected);
    DType dtype =
        tensor
            .type()
            .dtype()
            // a quantised type stands for rows of a matrix
            .filter(type -> !type.isQuantised() || expected.rank() > 1)
            .orElseThrow(
                () ->
                    new LongformException(
                        ErrorClass.UNSUPPORTED_MODEL,
                        "Cannot load weights from '%s': tensor '%s' %s has type %s, which cannot be read. Use a file of another quantisation."
                            .formatted(path(), name, expected, tensor.type())));
    Memory bytes = file.mapped(name, tensor.begin(), tensor.bytes());
    return Tensor.view(dtype, expected, bytes, 0);
  }

  @Override
  public void close() {
    file.close();
  }
}
