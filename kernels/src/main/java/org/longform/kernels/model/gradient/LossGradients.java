package org.longform.kernels.model.gradient;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.DecoderSpec;
import org.longform.kernels.model.StoredModel;

/**
 * The loss of a model on a few samples and its derivatives by every weight. The loss of a sample is
 * the mean of {@code -ln p} of its tokens but the first, that of the batch the mean over the
 * samples.
 *
 * <p>Layers are read one after the other, on the way there and on the way back: in memory are the
 * residual stream of every sample before every layer, and one layer's weights with their
 * derivatives, 32 bytes for each. Everything is float64 on the processor; it is meant for some
 * hundred tokens.
 */
public final class LossGradients {
  private final StoredModel model;
  private final DecoderSpec spec;
  private final List<int[]> samples;
  private final Receiver receiver;

  private LossGradients(StoredModel model, List<int[]> samples, Receiver receiver) {
    this.model = model;
    this.spec = model.spec();
    this.samples = samples;
    this.receiver = receiver;
  }

  /** Is told the derivatives, the last layer first. */
  public interface Receiver {
    void layer(int layer, LayerParameters parameters);

    /** Whether {@link #outside} is to be called, too. */
    default boolean wantsOutside() {
      return false;
    }

    /** Those outside of the layers. */
    default void outside(OutsideParameters parameters) {}
  }

  /**
   * @param samples token ids of each, at least two
   * @return the loss in nats
   * @throws LongformException INVALID_INPUT if there is no sample, or one is too short or has a
   *     token outside the vocabulary
   */
  public static double compute(StoredModel model, List<int[]> samples, Receiver receiver) {
    return new LossGradients(model, samples, receiver).run();
  }

  private double run() {
    spec.requireLlamaLayers("compute gradients of");
    requireReadable();
    OutsideParameters outside =
        OutsideParameters.read(
            model,
            receiver.wantsOutside()
                ? OutsideParameters.Role.VARIABLE
                : OutsideParameters.Role.CONSTANT);
    // before each layer, and behind the last, of each sample
    List<List<double[]>> streams = new ArrayList<>();
    streams.add(samples.stream().map(ids -> embedded(outside.embedding(), ids)).toList());
    for (int layer = 0; layer < spec.layers(); layer++) {
      LayerParameters parameters = LayerParameters.read(model, layer);
      List<double[]> next = new ArrayList<>();
      for (double[] stream : streams.get(layer)) {
        next.add(pass(layer, parameters, stream).forward());
      }
      streams.add(next);
    }
    List<double[]> ends = streams.get(spec.layers());
    List<double[]> derivatives = new ArrayList<>();
    double loss = 0;
    for (int i = 0; i < samples.size(); i++) {
      Head end = new Head(outside, ends.get(i), samples.get(i));
      loss += end.loss() / samples.size();
      derivatives.add(end.backward());
      // a tied matrix needs those of both ends of a sample at once: they are made again below
      outside.all().forEach(Parameter::dropSample);
    }
    for (int layer = spec.layers() - 1; layer >= 0; layer--) {
      LayerParameters parameters = LayerParameters.read(model, layer);
      for (int i = 0; i < samples.size(); i++) {
        LayerPass pass = pass(layer, parameters, streams.get(layer).get(i));
        pass.forward();
        derivatives.set(i, pass.backward(derivatives.get(i)));
        parameters.all().forEach(parameter -> parameter.endSample(samples.size()));
      }
      receiver.layer(layer, parameters);
    }
    if (receiver.wantsOutside()) {
      for (int i = 0; i < samples.size(); i++) {
        new Head(outside, ends.get(i), samples.get(i)).backward();
        addEmbedded(outside.embedding(), samples.get(i), derivatives.get(i));
        outside.all().forEach(parameter -> parameter.endSample(samples.size()));
      }
      receiver.outside(outside);
    }
    return loss;
  }

  private void requireReadable() {
    if (samples.isEmpty()) {
      throw refused("there are no samples");
    }
    for (int[] ids : samples) {
      if (ids.length < 2) {
        throw refused(
            "a sample has %d tokens, and the first is not predicted".formatted(ids.length));
      }
      for (int id : ids) {
        if (id < 0 || id >= spec.vocabulary()) {
          throw refused(
              "token %d is not in the vocabulary (0 to %d)".formatted(id, spec.vocabulary() - 1));
        }
      }
    }
  }

  private static LongformException refused(String why) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot compute gradients: %s. Give more text, tokenized for this model.".formatted(why));
  }

  private LayerPass pass(int layer, LayerParameters parameters, double[] stream) {
    return new LayerPass(
        parameters,
        spec.layer(layer),
        spec.headDim(),
        spec.normEpsilon(),
        new Rotation(spec.rope().encoding(stream.length / spec.hidden())),
        stream);
  }

  private double[] embedded(Parameter embedding, int[] ids) {
    double[] stream = new double[Math.multiplyExact(ids.length, spec.hidden())];
    for (int t = 0; t < ids.length; t++) {
      System.arraycopy(
          embedding.values(), ids[t] * spec.hidden(), stream, t * spec.hidden(), spec.hidden());
    }
    return stream;
  }

  private void addEmbedded(Parameter embedding, int[] ids, double[] derivative) {
    for (int t = 0; t < ids.length; t++) {
      for (int i = 0; i < spec.hidden(); i++) {
        embedding.ofSample()[ids[t] * spec.hidden() + i] += derivative[t * spec.hidden() + i];
      }
    }
  }

  /** The end of one sample: final norm, logits, loss. */
  private final class Head {
    private final RmsNorm norm;
    private final Parameter matrix;
    private final double[] stream;
    private final double[] normed;
    // (T, V): first the logits, then the derivatives by them
    private final double[] logits;
    private final double loss;

    Head(OutsideParameters outside, double[] stream, int[] ids) {
      this.norm = new RmsNorm(outside.finalNorm(), spec.normEpsilon());
      this.matrix = outside.head();
      this.stream = stream;
      this.normed = norm.forward(stream);
      this.logits = Products.forward(normed, ids.length, matrix, null);
      this.loss = turnToDerivatives(ids);
    }

    double loss() {
      return loss;
    }

    double[] backward() {
      double[] dNormed = new double[normed.length];
      Products.backward(logits, normed, matrix, null, dNormed);
      double[] dStream = new double[stream.length];
      norm.backward(dNormed, stream, dStream);
      return dStream;
    }

    private double turnToDerivatives(int[] ids) {
      int width = spec.vocabulary();
      int predicted = ids.length - 1;
      double surprise = 0;
      for (int t = 0; t < predicted; t++) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < width; i++) {
          max = Math.max(max, logits[t * width + i]);
        }
        double sum = 0;
        for (int i = 0; i < width; i++) {
          sum += Math.exp(logits[t * width + i] - max);
        }
        int next = t * width + ids[t + 1];
        surprise += max + Math.log(sum) - logits[next];
        for (int i = 0; i < width; i++) {
          logits[t * width + i] = Math.exp(logits[t * width + i] - max) / sum / predicted;
        }
        logits[next] -= 1.0 / predicted;
      }
      // nothing follows the last token
      Arrays.fill(logits, predicted * width, logits.length, 0);
      return surprise / predicted;
    }
  }
}
