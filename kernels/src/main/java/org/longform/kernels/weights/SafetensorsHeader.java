package org.longform.kernels.weights;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.tensor.Shape;

/**
 * The JSON header of a safetensors file (huggingface/safetensors, "Format"), read as a stream and
 * checked: every tensor lies inside the data, has the bytes that its dtype and shape ask for, and
 * the tensors cover the data without gap or overlap.
 */
final class SafetensorsHeader {
  private static final int MAX_AXES = 16;

  private final Path file;
  private final long dataBytes;
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

  private SafetensorsHeader(Path file, long dataBytes) {
    this.file = file;
    this.dataBytes = dataBytes;
  }

  /**
   * @param header the JSON text
   * @param dataBytes bytes that follow the header in the file
   * @throws LongformException INVALID_MODEL naming file, tensor, found and expected
   */
  static Map<String, StoredTensor> parse(Path file, byte[] header, long dataBytes) {
    SafetensorsHeader checked = new SafetensorsHeader(file, dataBytes);
    try (JsonParser parser = StrictJson.FACTORY.createParser(header)) {
      checked.read(parser);
    } catch (JsonProcessingException e) {
      throw checked.invalid("its header is not JSON as it should be: " + StrictJson.firstLine(e));
    } catch (IOException e) {
      throw checked.invalid("its header cannot be read (%s)".formatted(e));
    }
    checked.checkCover();
    return checked.tensors;
  }

  private void read(JsonParser parser) throws IOException {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw invalid("its header is not a JSON object");
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid(name, "its entry is not a JSON object");
      }
      if (name.equals("__metadata__")) {
        parser.skipChildren();
      } else {
        tensors.put(name, tensor(name, parser));
      }
    }
    if (parser.nextToken() != null) {
      throw invalid("its header goes on behind the JSON object");
    }
  }

  private StoredTensor tensor(String name, JsonParser parser) throws IOException {
    String dtype = null;
    long[] axes = null;
    long[] offsets = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (key) {
        case "dtype" -> dtype = value == JsonToken.VALUE_STRING ? parser.getText() : null;
        case "shape" -> axes = numbers(name, key, parser, MAX_AXES);
        case "data_offsets" -> offsets = numbers(name, key, parser, 2);
        default -> throw invalid(name, "its entry has the unknown key '%s'".formatted(key));
      }
    }
    if (dtype == null || axes == null || offsets == null || offsets.length != 2) {
      throw invalid(name, "its entry lacks dtype, shape or two data_offsets");
    }
    return checked(name, dtype, axes, offsets);
  }

  private long[] numbers(String name, String key, JsonParser parser, int most) throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw invalid(name, "%s is not a list".formatted(key));
    }
    List<Long> numbers = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0
          || numbers.size() == most) {
        throw invalid(
            name,
            "%s is not a list of at most %d whole numbers from 0 to %d"
                .formatted(key, most, Long.MAX_VALUE));
      }
      numbers.add(parser.getLongValue());
    }
    return numbers.stream().mapToLong(Long::longValue).toArray();
  }

  private StoredTensor checked(String name, String dtype, long[] axes, long[] offsets) {
    if (offsets[0] > offsets[1] || offsets[1] > dataBytes) {
      throw invalid(
          name,
          "its data is at bytes %d to %d, the file has %d bytes of data"
              .formatted(offsets[0], offsets[1], dataBytes));
    }
    try {
      StoredTensor tensor = new StoredTensor(name, dtype, Shape.of(axes), offsets[0], offsets[1]);
      if (tensor.bytes() != tensor.expectedBytes()) {
        throw invalid(
            name,
            "its data has %d bytes, expected %d for %s %s"
                .formatted(tensor.bytes(), tensor.expectedBytes(), dtype, tensor.shape()));
      }
      return tensor;
    } catch (ArithmeticException e) {
      throw invalid(name, "its shape has more elements than a file can hold");
    }
  }

  private void checkCover() {
    List<StoredTensor> inOrder = new ArrayList<>(tensors.values());
    inOrder.sort(
        Comparator.comparingLong(StoredTensor::begin).thenComparingLong(StoredTensor::end));
    long covered = 0;
    for (StoredTensor tensor : inOrder) {
      if (tensor.begin() != covered) {
        throw invalid(
            tensor.name(),
            "its data begins at byte %d, expected %d: tensors must %s"
                .formatted(
                    tensor.begin(),
                    covered,
                    tensor.begin() < covered ? "not overlap" : "leave no gap"));
      }
      covered = tensor.end();
    }
    if (covered != dataBytes) {
      throw invalid("it has %d bytes of data, its tensors only %d".formatted(dataBytes, covered));
    }
  }

  private LongformException invalid(String name, String why) {
    String shown = name.length() <= 120 ? name : name.substring(0, 120) + "…";
    return invalid("tensor '%s': %s".formatted(shown, why));
  }

  private LongformException invalid(String why) {
    return TensorFile.invalid(file, why);
  }
}
