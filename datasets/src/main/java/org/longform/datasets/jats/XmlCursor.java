package org.longform.datasets.jats;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.util.Locale;
import javax.xml.stream.Location;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * A hostile XML file as starts, ends and text.
 *
 * <p>No DTD is read and no entity is resolved except the standard named characters. Prefixes are
 * dropped and need not be bound, because NLM files leave the binding of {@code xlink} and {@code
 * mml} to their DTD.
 *
 * <p>Every method that reads an element expects the cursor at its start and leaves it at its end.
 */
final class XmlCursor {
  private final XMLStreamReader reader;
  private String encoding = "";
  private final String source;
  private final JatsLimits limits;
  private int depth;
  private long textChars;
  private String entityText;

  enum Event {
    START,
    END,
    TEXT,
    END_OF_FILE
  }

  XmlCursor(InputStream in, String source, JatsLimits limits) throws IOException {
    this.source = source;
    this.limits = limits;
    // not newFactory(): another StAX library on the class path would bring other defaults for the
    // settings below
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, false);
    factory.setProperty(XMLInputFactory.IS_NAMESPACE_AWARE, false);
    try {
      XmlEncoding.Decoded characters = XmlEncoding.decode(new BoundedStream(in, limits.maxBytes()));
      this.encoding = characters.encoding();
      this.reader = factory.createXMLStreamReader(characters.reader());
    } catch (XmlEncoding.Unknown e) {
      throw refusal("its encoding '%s' is unknown".formatted(e.getMessage()), null, e);
    } catch (BoundedStream.TooLong e) {
      throw tooLong(null, e);
    } catch (XMLStreamException e) {
      throw failure(e);
    }
  }

  Event next() throws IOException {
    entityText = null;
    while (true) {
      switch (advance()) {
        case XMLStreamConstants.START_ELEMENT -> {
          if (++depth > limits.maxDepth()) {
            throw malformed(
                "elements are nested too deep (more than %d levels)".formatted(limits.maxDepth()));
          }
          return Event.START;
        }
        case XMLStreamConstants.END_ELEMENT -> {
          depth--;
          return Event.END;
        }
        case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA, XMLStreamConstants.SPACE -> {
          return Event.TEXT;
        }
        case XMLStreamConstants.ENTITY_REFERENCE -> {
          entityText = Entities.text(reader.getLocalName());
          if (entityText == null) {
            throw malformed(
                "the entity '%s' is not a standard character and no DTD is read"
                    .formatted(reader.getLocalName()));
          }
          return Event.TEXT;
        }
        case XMLStreamConstants.END_DOCUMENT -> {
          return Event.END_OF_FILE;
        }
        default -> {} // comments, processing instructions, the DOCTYPE
      }
    }
  }

  /** Name of the element at a start or an end, without prefix. */
  String name() {
    return withoutPrefix(reader.getLocalName());
  }

  /** Value of an attribute by its name without prefix, empty if there is none; only at a start. */
  String attribute(String name) {
    for (int i = 0; i < reader.getAttributeCount(); i++) {
      if (withoutPrefix(reader.getAttributeLocalName(i)).equals(name)) {
        return reader.getAttributeValue(i).strip();
      }
    }
    return "";
  }

  /** Characters of a text event. */
  String text() {
    return entityText != null ? entityText : reader.getText();
  }

  /** Leaves out the element the cursor has just entered. */
  void skip() throws IOException {
    int outside = depth - 1;
    while (depth > outside) {
      next();
    }
  }

  /** Charges text which goes into the result. */
  void charge(int chars) throws MalformedArticleException {
    textChars += chars;
    if (textChars > limits.maxTextChars()) {
      throw malformed(
          "its text is too long (more than %d characters)".formatted(limits.maxTextChars()));
    }
  }

  /** A refusal at the present place. */
  MalformedArticleException malformed(String why) {
    return refusal(why, reader.getLocation(), null);
  }

  private int advance() throws IOException {
    try {
      return reader.next();
    } catch (XMLStreamException e) {
      throw failure(e);
    }
  }

  private IOException failure(XMLStreamException e) {
    Throwable nested = e.getNestedException();
    if (nested instanceof BoundedStream.TooLong) {
      return tooLong(e.getLocation(), e);
    }
    if (nested instanceof CharacterCodingException) {
      return refusal("bytes behind this place are no valid " + encoding, e.getLocation(), e);
    }
    if (nested instanceof IOException io) {
      return io; // the disk or the network, not the file
    }
    return refusal("it is no well-formed XML: " + parserMessage(e), e.getLocation(), e);
  }

  private MalformedArticleException tooLong(Location where, Exception cause) {
    return refusal(
        "the file is too long (more than %d bytes)".formatted(limits.maxBytes()), where, cause);
  }

  // the parser writes "ParseError at [row,col]:[1,5]\nMessage: The element type ..."
  private static String parserMessage(XMLStreamException e) {
    String message = String.valueOf(e.getMessage());
    int at = message.lastIndexOf("Message: ");
    String last = at < 0 ? message : message.substring(at + "Message: ".length());
    String line = last.replaceAll("\\s+", " ").replaceFirst("\\.$", "").strip();
    return line.isEmpty()
        ? "unknown error"
        : line.substring(0, 1).toLowerCase(Locale.ROOT) + line.substring(1);
  }

  private MalformedArticleException refusal(String why, Location where, Throwable cause) {
    int line = where == null ? 1 : Math.max(1, where.getLineNumber());
    int column = where == null ? 1 : Math.max(1, where.getColumnNumber());
    return new MalformedArticleException(
        "Cannot read article '%s': %s (line %d, column %d). Correct the file or leave it out."
            .formatted(source, why, line, column),
        line,
        column,
        cause);
  }

  private static String withoutPrefix(String name) {
    return name.substring(name.indexOf(':') + 1);
  }
}
