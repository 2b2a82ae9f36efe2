package org.longform.kernels.weights;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes one safetensors file as a stream; F32, F16 and BF16. Tensors follow each other without a
 * gap, as the format asks for.
 */
public final class SafetensorsWriter implements TensorWriter {
  // the header is padded with blanks so that the data begins at a multiple of this
  private static final int HEADER_ALIGNMENT = 8;

  private final ReplacedFile file;
  private final TensorData data;

  private SafetensorsWriter(ReplacedFile file, TensorData data) {
    this.file = file;
    this.data = data;
  }

  public static SafetensorsWriter create(Path path, List<TensorSpec> tensors) {
    ReplacedFile file = ReplacedFile.create(path);
    try {
      file.write(header(tensors));
      return new SafetensorsWriter(file, new TensorData(file, tensors, 1));
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static ByteBuffer header(List<TensorSpec> tensors) {
    byte[] json = json(tensors);
    int blanks = (HEADER_ALIGNMENT - json.length % HEADER_ALIGNMENT) % HEADER_ALIGNMENT;
    ByteBuffer header =
        ByteBuffer.allocate(Long.BYTES + json.length + blanks).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(json.length + (long) blanks).put(json);
    return header.put(" ".repeat(blanks).getBytes(StandardCharsets.US_ASCII)).flip();
  }

  private static byte[] json(List<TensorSpec> tensors) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = StrictJson.FACTORY.createGenerator(out)) {
      json.writeStartObject();
      json.writeObjectFieldStart("__metadata__");
      json.writeStringField("format", "pt");
      json.writeEndObject();
      long begin = 0;
      for (TensorSpec tensor : tensors) {
        long end = Math.addExact(begin, tensor.bytes());
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.dtype().name());
        json.writeArrayFieldStart("shape");
        for (int axis = 0; axis < tensor.shape().rank(); axis++) {
          json.writeNumber(tensor.shape().axis(axis));
        }
        json.writeEndArray();
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {begin, end}, 0, 2);
        json.writeEndObject();
        begin = end;
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  @Override
  public void write(float[] values) {
    data.write(values);
  }

  @Override
  public void write(ByteBuffer bytes) {
    data.write(bytes);
  }

  @Override
  public void finish() {
    data.end();
    file.finish();
  }

  @Override
  public void close() {
    data.close();
    file.close();
  }
}
