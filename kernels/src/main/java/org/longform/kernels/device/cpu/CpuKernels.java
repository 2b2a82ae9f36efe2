package org.longform.kernels.device.cpu;

import java.lang.ref.Reference;
import java.util.List;
import org.longform.kernels.cache.KvCache;
import org.longform.kernels.cache.KvView;
import org.longform.kernels.device.Activation;
import org.longform.kernels.device.AttendRequest;
import org.longform.kernels.device.Kernels;
import org.longform.kernels.device.MatmulShape;
import org.longform.kernels.device.TopKeys;
import org.longform.kernels.device.TopKeysRequest;
import org.longform.kernels.device.Weight;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.DType;
import org.longform.kernels.tensor.MemoryOwner;
import org.longform.kernels.tensor.MemorySource;
import org.longform.kernels.tensor.Tensor;

/** The operations by native code. Shapes are checked here: the library checks nothing. */
class CpuKernels implements Kernels {
  private static final int PRODUCT_WORDS = 4;
  private static final int PLACE_WORDS = 3;
  // kernels_function, which begins with the ordinals of Activation
  private static final int SCALE = 3;
  private static final int SOFT_CAP = 4;
  private static final int CLAMP = 5;

  private static final MemorySource LARGE_PAGES = new LargePages();

  private final CpuHandle handle;
  // of the memory that this device addresses without waiting; null for that of the host alone
  private final MemoryOwner owner;

  CpuKernels(CpuHandle handle) {
    this(handle, null);
  }

  CpuKernels(CpuHandle handle, MemoryOwner owner) {
    this.handle = handle;
    this.owner = owner;
  }

  @Override
  public Turn turn() {
    CpuNative.enter(handle.address());
    return () -> {
      CpuNative.leave(handle.address());
      Reference.reachabilityFence(handle);
    };
  }

  @Override
  public MemorySource memory() {
    return LARGE_PAGES;
  }

  @Override
  public Weight weight(Tensor stored) {
    return CpuWeight.load(stored);
  }

  @Override
  public void gather(Weight table, int[] ids, Tensor out) {
    CpuWeight rows = CpuWeight.of(table);
    long width = rows.shape().rowElements();
    requireFloats("gather", out, ids.length * width);
    CallBuffer buffer = CallBuffer.borrow();
    try {
      buffer.reserve((long) ids.length * Integer.BYTES);
      long list = buffer.address();
      buffer.putInts(ids);
      CpuHandle.check(
          "gather",
          CpuNative.gather(
              handle.address(),
              rows.address(),
              rows.dtype().ordinal(),
              width,
              list,
              ids.length,
              out.address(owner)));
    } finally {
      buffer.giveBack();
      Reference.reachabilityFence(handle);
    }
  }

  @Override
  public void matmul(Tensor x, Weight w, Tensor out) {
    matmul(x, List.of(w), List.of(out));
  }

  @Override
  public void matmul(Tensor x, List<Weight> weights, List<Tensor> outs) {
    for (int i = 0; i < weights.size(); i++) {
      MatmulShape.of(x, weights.get(i), outs.get(i));
    }
    if (x.elements() == 0) {
      return;
    }
    CallBuffer buffer = CallBuffer.borrow();
    try {
      buffer.reserve((long) weights.size() * PRODUCT_WORDS * Long.BYTES);
      long products = buffer.address();
      for (int i = 0; i < weights.size(); i++) {
        CpuWeight weight = CpuWeight.of(weights.get(i));
        buffer
            .put(weight.address())
            .put(outs.get(i).address(owner))
            .put(weight.shape().axis(0))
            .put((long) weight.dtype().ordinal());
      }
      CpuHandle.check(
          "matmul",
          CpuNative.matmul(
              handle.address(),
              x.address(owner),
              x.rows(),
              x.shape().rowElements(),
              products,
              weights.size()));
    } finally {
      buffer.giveBack();
      Reference.reachabilityFence(handle);
    }
  }

  @Override
  public int alikeRows() {
    return CpuNative.ALIKE_TOKENS;
  }

  @Override
  public void addBias(Tensor x, Weight bias) {
    CpuWeight values = CpuWeight.of(bias);
    requireFloats("addBias", x, x.rows() * values.shape().elements());
    CpuHandle.check(
        "addBias",
        CpuNative.addBias(
            handle.address(),
            x.address(owner),
            values.address(),
            x.rows(),
            values.shape().elements()));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void add(Tensor x, Tensor y) {
    requireFloats("add", y, x.elements());
    requireFloats("add", x, y.elements());
    CpuHandle.check(
        "add", CpuNative.add(handle.address(), x.address(owner), y.address(owner), x.elements()));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void rmsNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    CpuWeight gains = CpuWeight.of(gain);
    requireFloats("rmsNorm", x, x.rows() * gains.shape().elements());
    requireFloats("rmsNorm", out, x.elements());
    CpuHandle.check(
        "rmsNorm",
        CpuNative.rmsNorm(
            handle.address(),
            x.address(owner),
            gains.address(),
            epsilon,
            x.rows(),
            gains.shape().elements(),
            out.address(owner)));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void layerNorm(Tensor x, Weight gain, double epsilon, Tensor out) {
    requireFloats("layerNorm", x, x.rows() * gain.shape().elements());
    requireFloats("layerNorm", out, x.elements());
    CpuHandle.check(
        "layerNorm",
        CpuNative.center(
            handle.address(),
            x.address(owner),
            x.rows(),
            gain.shape().elements(),
            out.address(owner)));
    // of what has no mean the squares are the variance
    rmsNorm(out, gain, epsilon, out);
  }

  @Override
  public void swiGlu(Tensor gate, Tensor up) {
    requireFloats("swiGlu", up, gate.elements());
    requireFloats("swiGlu", gate, up.elements());
    CpuHandle.check(
        "swiGlu",
        CpuNative.swiGlu(
            handle.address(), gate.address(owner), up.address(owner), gate.elements()));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void activate(Activation f, Tensor x) {
    map("activate", f.ordinal(), 0, x);
  }

  @Override
  public void multiply(Tensor x, Tensor y) {
    requireFloats("multiply", y, x.elements());
    requireFloats("multiply", x, y.elements());
    CpuHandle.check(
        "multiply",
        CpuNative.multiply(handle.address(), x.address(owner), y.address(owner), x.elements()));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void scale(Tensor x, double factor) {
    map("scale", SCALE, factor, x);
  }

  @Override
  public void softCap(Tensor x, double cap) {
    map("softCap", SOFT_CAP, cap, x);
  }

  @Override
  public void clamp(Tensor x, double bound) {
    map("clamp", CLAMP, bound, x);
  }

  private void map(String operation, int function, double parameter, Tensor x) {
    requireFloats(operation, x, x.elements());
    CpuHandle.check(
        operation,
        CpuNative.map(handle.address(), function, parameter, x.address(owner), x.elements()));
    Reference.reachabilityFence(handle);
  }

  @Override
  public void prefetch(long address, long bytes) {
    CpuNative.prefetch(address, bytes);
  }

  @Override
  public void forget(long address, long bytes) {
    CpuNative.forget(address, bytes);
  }

  @Override
  public void store(KvCache cache, int layer, int first, Tensor keys, Tensor values) {
    requireFloats("store", keys, keys.elements());
    requireFloats("store", values, keys.elements());
    CallBuffer buffer = CallBuffer.borrow();
    try {
      // the rows may begin in the middle of a page and end in that of another
      long pages = keys.rows() / KvView.pageRows() + 2;
      buffer.reserve(KvLayout.BYTES + pages * PLACE_WORDS * Long.BYTES);
      long layout = KvLayout.write(cache.view(layer), buffer);
      long list = buffer.address();
      cache.forEachPlace(
          layer,
          first,
          keys,
          values,
          (page, at, from, count) ->
              buffer.put(page.address(at, owner)).put((long) from).put((long) count));
      long places = (buffer.address() - list) / (PLACE_WORDS * Long.BYTES);
      CpuHandle.check(
          "store",
          CpuNative.store(
              handle.address(), layout, keys.address(owner), values.address(owner), list, places));
    } finally {
      buffer.giveBack();
      Reference.reachabilityFence(handle);
    }
  }

  @Override
  public void attend(AttendRequest request) {
    request.plan().validate(request.cache(), request.heads(), request.firstRow());
    try (AttendCall call = new AttendCall(request, owner, memory())) {
      call.run(handle.address());
    }
    Reference.reachabilityFence(handle);
  }

  @Override
  public TopKeys topKeys(TopKeysRequest request) {
    TopKeys found = TopKeysCall.run(request, handle.address(), owner, memory(), sketchLimits());
    Reference.reachabilityFence(handle);
    return found;
  }

  /** Where sketches of pages help to find the best keys. */
  SketchLimits sketchLimits() {
    return SketchLimits.OF_PROCESSOR;
  }

  private static void requireFloats(String operation, Tensor tensor, long elements) {
    if (tensor.dtype() != DType.F32 || tensor.elements() != elements) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot compute %s: a tensor %s %s is there, %d float32 values are expected."
              .formatted(operation, tensor.dtype(), tensor.shape(), elements));
    }
  }
}
