package org.longform.kernels.device.nd4j;

import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.MatmulShape;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.Weight;
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
    MatmulShape shape = MatmulShape.of(x, w, out);
    if (shape.tokens() > 0) {
      Blas.timesTransposed(
          x.memory().floats(x.byteOffset(), x.elements()),
          Nd4jWeight.of(w).values(),
          out.memory().floats(out.byteOffset(), out.elements()),
          shape.tokens(),
          shape.outer(),
          shape.inner(),
          1f);
    }
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
