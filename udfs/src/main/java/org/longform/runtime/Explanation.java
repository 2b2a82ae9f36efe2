package org.longform.runtime;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.longform.decoding.DecodingStrategies;
import org.longform.decoding.DecodingStrategy;
import org.longform.kernels.device.DeviceProvider;
import org.longform.kernels.device.Devices;
import org.longform.kernels.error.LongformException;
import org.longform.options.ContextOptions;
import org.longform.options.DecodingOptions;
import org.longform.options.GenerationOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Option;
import org.longform.options.Options;
import org.longform.options.PromptOptions;
import org.longform.options.ReadingOptions;

/** How documents would be read, on one line: what EXPLAIN shows. */
final class Explanation {
  private final Options all;
  private final ReadingModel writer;
  private final List<ReadingModel> others;
  private final boolean oneReading;

  /**
   * @param all complete options
   * @param models that read with them, that which writes first
   */
  Explanation(Options all, List<ReadingModel> models) {
    this.all = all;
    this.writer = models.get(0);
    this.others = models.subList(1, models.size());
    this.oneReading = !ReadingOptions.strategy(all).readsForQuestion();
  }

  /**
   * @throws LongformException INVALID_OPTION where nothing could be read so
   */
  String text() {
    DecodingStrategy decoding = DecodingStrategies.byName(all.get(DecodingOptions.DECODING));
    DecodingStrategies.requireFits(decoding, writer.context().name(), writer.context().example());
    DeviceProvider device = Devices.choose(all.get(ModelOptions.DEVICE));
    ReadingOptions.valuesOf(all, writer.spec().limits());
    return "%s%s, model %s, device %s, %s%s%s%s"
        .formatted(
            method(),
            decoding(decoding),
            writer.location().name(),
            device.name(),
            memory(writer),
            others.stream().map(this::beside).collect(Collectors.joining()),
            limits(),
            refusals(device));
  }

  private String method() {
    return oneReading
        ? "context " + writer.context().name() + shown(ContextOptions.parametersOf(all))
        : "reading %s once for each question".formatted(ReadingOptions.method(all));
  }

  private String decoding(DecodingStrategy decoding) {
    return decoding.name().equals(DecodingStrategies.PLAIN.name())
        ? ""
        : ", decoding " + decoding.name() + shown(DecodingOptions.parametersOf(all));
  }

  private static String shown(Map<String, String> parameters) {
    return parameters.isEmpty() ? "" : parameters.toString();
  }

  private String beside(ReadingModel second) {
    return ", model %s beside it %s".formatted(second.location().name(), memory(second));
  }

  /** What a model takes for one document. */
  private String memory(ReadingModel model) {
    long bytes = model.kvBytesPerToken();
    long heapBytes = model.heapBytesPerToken();
    OptionalLong most = model.mostTokensHeld();
    return "KV %,d bytes a token, %s%s"
        .formatted(
            bytes,
            !oneReading
                ? "of parts of a document"
                : most.isPresent()
                    ? "at most %,d tokens (%,d bytes) of a document"
                        .formatted(most.getAsLong(), most.getAsLong() * bytes)
                    : "grows with the document",
            heapBytes == 0 ? "" : ", and %,d bytes a token on the Java heap".formatted(heapBytes));
  }

  /** Settings that Spark's own pages hide because their names contain "token". */
  private String limits() {
    StringBuilder text = new StringBuilder();
    for (Option<?> option :
        List.of(PromptOptions.MAX_INPUT_TOKENS, GenerationOptions.MAX_NEW_TOKENS)) {
      if (all.isSet(option)) {
        text.append(", ").append(option.sqlKey()).append(' ').append(all.textOf(option));
      }
    }
    return text.toString();
  }

  /** Why none of the devices before the chosen one was taken. */
  private static String refusals(DeviceProvider chosen) {
    StringBuilder text = new StringBuilder();
    for (DeviceProvider other : Devices.ALL) {
      if (other.name().equals(chosen.name())) {
        break;
      }
      other
          .whyUnavailable()
          .ifPresent(why -> text.append(", not ").append(other.name()).append(": ").append(why));
    }
    return text.toString();
  }
}
