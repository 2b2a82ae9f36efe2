package org.longform.kernels.device.nd4j;

import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.Weight;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.Tensor;

/** Products by ND4J's BLAS straight in the tensors' memory; the rest is plain loops. */
final class Nd4jKernels implements Kernels {
  private final ScratchPool scratches = new ScratchPool();
  private final RotaryTables tables = new RotaryTables();

  @Override
  public Weight weight(Tensor stored) {
    return Nd4jWeight.load(stored);
  }

  @Override
  public void gather(Weight table, int[] ids, Tensor out) {
    RowWise.gather(Nd4jWeight.of(table), ids, out);
  }

  @Override
  public void matmul(Tensor x, Weight w, Tensor out) {
    Nd4jWeight matrix = Nd4jWeight.of(w);
    int tokens = Math.toIntExact(x.rows());
    int inner = Math.toIntExact(x.shape().rowElements());
    int outer = Math.toIntExact(matrix.shape().axis(0));
    if (matrix.shape().elements() != (long) inner * outer
        || out.elements() != (long) tokens * outer
        || x.dtype() != DType.F32
        || out.dtype() != DType.F32) {
      // BLAS checks nothing: a wrong shape would read or write beside the tensors
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot multiply %s %s with a weight %s into %s %s: the shapes do not fit."
              .formatted(x.dtype(), x.shape(), matrix.shape(), out.dtype(), out.shape()));
    }
    if (tokens == 0) {
      return;
    }
    Blas.timesTransposed(
        x.memory().floats(x.byteOffset(), x.elements()),
        matrix.values(),
        out.memory().floats(out.byteOffset(), out.elements()),
        tokens,
        outer,
        inner,
        1f);
  }

  @Override
  public void addBias(Tensor x, Weight bias) {
    RowWise.addBias(x, Nd4jWeight.of(bias));
  }

  @Override
  public void add(Tensor x, Tensor y) {
    RowWise.add(x, y);
  }

  @Override
  public void rmsNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    RowWise.rmsNorm(x, Nd4jWeight.of(gain), epsilon, out);
  }

  @Override
  public void swiGlu(Tensor gate, Tensor up) {
    scratches.with(
        scratch -> {
          RowWise.swiGlu(gate, up, scratch);
          return gate;
        });
  }

  @Override
  public void attend(AttendRequest request) {
    scratches.with(
        scratch -> {
          BlockAttention.run(request, scratch, tables);
          return request;
        });
  }

  @Override
  public TopKeys topKeys(TopKeysRequest request) {
    return scratches.with(scratch -> TopKeysSearch.find(request, scratch));
  }
}
