package org.longform.spark.job.input;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import org.longform.datasets.jats.JatsArticle;
import org.longform.datasets.jats.JatsReader;
import org.longform.datasets.jats.MalformedArticleException;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The text of a JATS article: title, body, figures, tables and back matter, without abstract. */
final class JatsText {
  private static final JatsReader READER = new JatsReader();

  private JatsText() {}

  /**
   * @throws LongformException MALFORMED_DOCUMENT saying where and why
   */
  static String of(String name, byte[] bytes) throws IOException {
    try {
      JatsArticle article = READER.read(new ByteArrayInputStream(bytes), name);
      return article.bodyText().isBlank() ? "" : article.readingText();
    } catch (MalformedArticleException e) {
      throw new LongformException(ErrorClass.MALFORMED_DOCUMENT, e.getMessage(), e);
    }
  }
}
