package org.longform.spark.job.input;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** Bytes of a file as text. */
final class DocumentText {
  private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  private DocumentText() {}

  /**
   * Strict UTF-8; a byte order mark is left out.
   *
   * @throws LongformException MALFORMED_DOCUMENT with the place of the first byte that is not UTF-8
   */
  static String decode(String name, byte[] bytes) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes);
    if (startsWithMark(bytes)) {
      in.position(BYTE_ORDER_MARK.length);
    }
    CharBuffer out = CharBuffer.allocate(in.remaining()); // never more characters than bytes
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      throw new LongformException(
          ErrorClass.MALFORMED_DOCUMENT,
          "Cannot read '%s': it is not UTF-8 text (byte %d is 0x%02x). Convert the file to UTF-8."
              .formatted(name, in.position(), bytes[in.position()]));
    }
    decoder.flush(out);
    return out.flip().toString();
  }

  private static boolean startsWithMark(byte[] bytes) {
    for (int i = 0; i < BYTE_ORDER_MARK.length; i++) {
      if (bytes.length <= i || bytes[i] != BYTE_ORDER_MARK[i]) {
        return false;
      }
    }
    return true;
  }
}
