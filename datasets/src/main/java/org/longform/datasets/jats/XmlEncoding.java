package org.longform.datasets.jats;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.io.Reader;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.IllegalCharsetNameException;
import java.nio.charset.StandardCharsets;
import java.nio.charset.UnsupportedCharsetException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Decodes an XML file strictly, by its byte order mark or its declaration (XML 1.0, appendix F).
 *
 * <p>The parser could do so too, but prints bad bytes to the standard error of the process.
 */
final class XmlEncoding {
  private static final int LOOK_AHEAD = 256;
  private static final Pattern DECLARED =
      Pattern.compile("^<\\?xml\\s[^>]*?encoding\\s*=\\s*[\"']([A-Za-z0-9._:-]+)[\"']");

  private XmlEncoding() {}

  /** A file's characters and the name of their encoding. */
  record Decoded(Reader reader, String encoding) {}

  /** The file declares an encoding this runtime does not know. */
  static final class Unknown extends IOException {
    private static final long serialVersionUID = 1L;

    Unknown(String name) {
      super(name);
    }
  }

  static Decoded decode(InputStream in) throws IOException {
    PushbackInputStream bytes = new PushbackInputStream(in, LOOK_AHEAD);
    byte[] head = bytes.readNBytes(LOOK_AHEAD);
    int mark = markLength(head);
    bytes.unread(head, mark, head.length - mark);
    Charset charset = charset(head);
    var decoder =
        charset
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    return new Decoded(new InputStreamReader(bytes, decoder), charset.name());
  }

  private static int markLength(byte[] head) {
    if (startsWith(head, 0xEF, 0xBB, 0xBF)) {
      return 3;
    }
    return startsWith(head, 0xFE, 0xFF) || startsWith(head, 0xFF, 0xFE) ? 2 : 0;
  }

  private static Charset charset(byte[] head) throws Unknown {
    if (startsWith(head, 0xFE, 0xFF) || startsWith(head, 0, '<')) {
      return StandardCharsets.UTF_16BE;
    }
    if (startsWith(head, 0xFF, 0xFE) || startsWith(head, '<', 0)) {
      return StandardCharsets.UTF_16LE;
    }
    Matcher declared = DECLARED.matcher(new String(head, StandardCharsets.ISO_8859_1));
    if (startsWith(head, 0xEF, 0xBB, 0xBF) || !declared.find()) {
      return StandardCharsets.UTF_8;
    }
    try {
      return Charset.forName(declared.group(1));
    } catch (IllegalCharsetNameException | UnsupportedCharsetException e) {
      throw new Unknown(declared.group(1));
    }
  }

  private static boolean startsWith(byte[] head, int... bytes) {
    if (head.length < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if ((head[i] & 0xFF) != bytes[i]) {
        return false;
      }
    }
    return true;
  }
}
