package org.longform.datasets.jats;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Reads articles from JATS or NLM XML.
 *
 * <p>The file is taken for hostile: no DTD, no external entity, bounded length, depth and text. The
 * stream is read once and not closed. Immutable and thread-safe.
 */
public final class JatsReader {
  private final JatsLimits limits;

  public JatsReader() {
    this(JatsLimits.DEFAULT);
  }

  public JatsReader(JatsLimits limits) {
    this.limits = limits;
  }

  /**
   * Reads a file of one article, also inside a {@code pmc-articleset}.
   *
   * @param source name of the file, for messages, and the id of an article without ids
   * @throws MalformedArticleException if the file is no article, holds several, or exceeds the
   *     limits
   */
  public JatsArticle read(InputStream in, String source) throws IOException {
    List<JatsArticle> articles = new ArrayList<>();
    XmlCursor cursor = new XmlCursor(in, source, limits);
    readRoot(cursor, source, articles::add);
    if (articles.size() != 1) {
      throw cursor.malformed("it holds %d articles and one is expected".formatted(articles.size()));
    }
    return articles.get(0);
  }

  /**
   * Reads all articles of a {@code pmc-articleset}, or the one of a plain file, passing on each as
   * soon as it is complete.
   *
   * @throws MalformedArticleException as {@link #read}; articles before the problem have been
   *     passed on
   */
  public void readAll(InputStream in, String source, Consumer<JatsArticle> sink)
      throws IOException {
    readRoot(new XmlCursor(in, source, limits), source, sink);
  }

  private static void readRoot(XmlCursor cursor, String source, Consumer<JatsArticle> sink)
      throws IOException {
    cursor.next();
    switch (cursor.name()) {
      case "article" -> sink.accept(readArticle(cursor, source));
      case "pmc-articleset" -> readSet(cursor, source, sink);
      default ->
          throw cursor.malformed(
              "its root element is <%s> and not <article> or <pmc-articleset>"
                  .formatted(cursor.name()));
    }
    while (cursor.next() != XmlCursor.Event.END_OF_FILE) {
      // only white space and comments may follow; anything else fails
    }
  }

  private static void readSet(XmlCursor cursor, String source, Consumer<JatsArticle> sink)
      throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        if (cursor.name().equals("article")) {
          sink.accept(readArticle(cursor, source));
        } else {
          cursor.skip(); // replies of the service about articles it does not give
        }
      }
    }
  }

  private static JatsArticle readArticle(XmlCursor cursor, String source) throws IOException {
    String articleType = cursor.attribute("article-type");
    ContentReader content = new ContentReader(cursor);
    FrontReader front = new FrontReader(cursor, content);
    SectionReader sections = new SectionReader(cursor, content);
    List<JatsArticle> subArticles = new ArrayList<>();
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        switch (cursor.name()) {
          case "front", "front-stub" -> front.read();
          case "body" -> sections.read(JatsSection.Part.BODY);
          case "back" -> sections.read(JatsSection.Part.BACK);
          case "floats-group", "floats-wrap" -> sections.read(JatsSection.Part.FLOATS);
          case "sub-article", "response" -> subArticles.add(readArticle(cursor, source));
          default -> cursor.skip();
        }
      }
    }
    JatsMetadata metadata = front.metadata(articleType, source);
    return new JatsArticle(metadata, front.abstracts(), sections.sections(), subArticles);
  }
}
