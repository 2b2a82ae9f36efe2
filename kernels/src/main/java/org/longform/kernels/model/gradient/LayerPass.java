package org.longform.kernels.model.gradient;

import org.longform.kernels.model.LayerShape;

/**
 * One layer on the tokens of one sample, there and back: {@code x2 = x + Wo attention(norm(x))},
 * {@code y = x2 + Wdown (silu(Wgate norm(x2)) * Wup norm(x2))}.
 */
final class LayerPass {
  private final LayerParameters parameters;
  private final LayerShape shape;
  private final int headDim;
  private final double epsilon;
  private final Rotation rotation;
  private final int tokens;
  private final double[] x;
  // what the way back needs
  private double[] normed;
  private CausalAttention attention;
  private double[] mixed;
  private double[] middle;
  private double[] middleNormed;
  private double[] gate;
  private double[] up;
  private double[] inner;

  /**
   * @param x (T, M)
   */
  LayerPass(
      LayerParameters parameters,
      LayerShape shape,
      int headDim,
      double epsilon,
      Rotation rotation,
      double[] x) {
    this.parameters = parameters;
    this.shape = shape;
    this.headDim = headDim;
    this.epsilon = epsilon;
    this.rotation = rotation;
    this.tokens = x.length / parameters.attentionNorm().rows();
    this.x = x;
  }

  /** (T, M): the residual stream behind the layer. */
  double[] forward() {
    normed = new RmsNorm(parameters.attentionNorm(), epsilon).forward(x);
    attention =
        new CausalAttention(
            shape,
            headDim,
            rotation.forward(parameters.query().forward(normed, tokens), tokens, headDim),
            rotation.forward(parameters.key().forward(normed, tokens), tokens, headDim),
            parameters.value().forward(normed, tokens));
    mixed = attention.forward();
    middle = sum(x, parameters.output().forward(mixed, tokens));
    middleNormed = new RmsNorm(parameters.ffnNorm(), epsilon).forward(middle);
    gate = parameters.gate().forward(middleNormed, tokens);
    up = parameters.up().forward(middleNormed, tokens);
    inner = new double[gate.length];
    for (int i = 0; i < inner.length; i++) {
      inner[i] = gate[i] * sigmoid(gate[i]) * up[i];
    }
    return sum(middle, parameters.down().forward(inner, tokens));
  }

  /**
   * To be called after {@link #forward}; adds the sample's derivatives to the parameters.
   *
   * @param dy (T, M)
   * @return (T, M), derivative by x
   */
  double[] backward(double[] dy) {
    double[] dInner = new double[inner.length];
    parameters.down().backward(dy, inner, dInner);
    double[] dGate = new double[gate.length];
    double[] dUp = new double[up.length];
    for (int i = 0; i < inner.length; i++) {
      double s = sigmoid(gate[i]);
      dUp[i] = dInner[i] * gate[i] * s;
      dGate[i] = dInner[i] * up[i] * s * (1 + gate[i] * (1 - s));
    }
    double[] dMiddleNormed = new double[middle.length];
    parameters.gate().backward(dGate, middleNormed, dMiddleNormed);
    parameters.up().backward(dUp, middleNormed, dMiddleNormed);
    double[] dMiddle = dy.clone();
    new RmsNorm(parameters.ffnNorm(), epsilon).backward(dMiddleNormed, middle, dMiddle);

    double[] dMixed = new double[mixed.length];
    parameters.output().backward(dMiddle, mixed, dMixed);
    CausalAttention.Derivatives d = attention.backward(dMixed);
    double[] dNormed = new double[x.length];
    parameters.query().backward(rotation.backward(d.queries(), tokens, headDim), normed, dNormed);
    parameters.key().backward(rotation.backward(d.keys(), tokens, headDim), normed, dNormed);
    parameters.value().backward(d.values(), normed, dNormed);
    double[] dx = dMiddle.clone();
    new RmsNorm(parameters.attentionNorm(), epsilon).backward(dNormed, x, dx);
    return dx;
  }

  private static double sigmoid(double z) {
    return 1 / (1 + Math.exp(-z));
  }

  private static double[] sum(double[] a, double[] b) {
    double[] sum = a.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += b[i];
    }
    return sum;
  }
}
