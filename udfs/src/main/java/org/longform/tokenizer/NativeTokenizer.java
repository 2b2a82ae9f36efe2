package org.longform.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** One tokenizer of the native library. Thread-safe. Texts must be well-formed UTF-16. */
final class NativeTokenizer implements AutoCloseable {
  // the library's own defaults cut and pad to the model's window
  private static final Map<String, String> WHOLE_TEXT =
      Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false");

  static {
    prepareLibrary();
  }

  private final HuggingFaceTokenizer tokenizer;

  private NativeTokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * @param file named in the error where the content is refused
   */
  static NativeTokenizer of(String json, ModelFile file) {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    try {
      return new NativeTokenizer(
          HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(bytes), WHOLE_TEXT));
    } catch (LinkageError | IllegalStateException e) {
      throw new LongformException(
          ErrorClass.INTERNAL,
          "Cannot start the tokenizer library: it does not load here (%s). Set DJL_CACHE_DIR to a writable directory."
              .formatted(e.getMessage()),
          e);
    } catch (IOException | RuntimeException e) {
      throw file.invalid("it does not describe a tokenizer: " + e.getMessage());
    }
  }

  /** The ids of the text and, for each, its place in the text in UTF-16 units. */
  Encoded encode(String text) {
    Encoding encoding = tokenizer.encode(text, false, false);
    long[] ids = encoding.getIds();
    CharSpan[] spans = encoding.getCharTokenSpans();
    int[] places = utf16Places(text);
    int[] starts = new int[ids.length];
    int[] ends = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      int before = i == 0 ? 0 : ends[i - 1];
      starts[i] = spans[i] == null ? before : places[spans[i].getStart()];
      ends[i] = spans[i] == null ? before : places[spans[i].getEnd()];
    }
    return new Encoded(
        Arrays.stream(ids).mapToInt(Math::toIntExact).toArray(),
        starts,
        ends,
        encoding.getWordIds());
  }

  /** The ids with what the model's post-processor puts around the text. */
  int[] encodeWithSpecialTokens(String text) {
    return Arrays.stream(tokenizer.encode(text, true, false).getIds())
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  String decode(int[] ids) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), true);
  }

  @Override
  public void close() {
    tokenizer.close();
  }

  /** The library counts in code points: the UTF-16 offset of each code point, and of the end. */
  private static int[] utf16Places(String text) {
    int[] places = new int[text.length() + 1];
    int count = 0;
    for (int at = 0; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
      places[count++] = at;
    }
    places[count++] = text.length();
    return Arrays.copyOf(places, count);
  }

  private static void prepareLibrary() {
    // with a GPU at hand the library would look on the network for a build that uses it
    setIfAbsent("RUST_FLAVOR", "cpu");
    Path home = Path.of(System.getProperty("user.home", "/"));
    if (!Files.isWritable(home)) {
      // executors often have no home directory, and the library unpacks itself there
      setIfAbsent(
          "DJL_CACHE_DIR", Path.of(System.getProperty("java.io.tmpdir"), "djl-cache").toString());
    }
  }

  private static void setIfAbsent(String name, String value) {
    if (System.getenv(name) == null && System.getProperty(name) == null) {
      System.setProperty(name, value);
    }
  }
}
