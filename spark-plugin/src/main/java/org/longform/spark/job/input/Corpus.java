package org.longform.spark.job.input;

import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Documents as rows of {@link #DOCUMENT}; every call reads them anew. */
public interface Corpus {
  /**
   * A document: its name, the file it came from, its text or why there is none (class and
   * sentence), sha256 of the text, and the questions it carries (NULL if no column was named). A
   * document without text is told from others by its name: the hash is then of that.
   */
  StructType DOCUMENT =
      new StructType()
          .add("doc_id", DataTypes.StringType)
          .add("source_path", DataTypes.StringType)
          .add("text", DataTypes.StringType)
          .add("error_class", DataTypes.StringType)
          .add("error_message", DataTypes.StringType)
          .add("content_hash", DataTypes.StringType)
          .add("questions", DataTypes.createArrayType(DataTypes.StringType));

  /** All documents. */
  Dataset<Row> documents();

  /**
   * At least the documents of these source paths; others may be among them where files cannot be
   * told apart cheaply.
   */
  Dataset<Row> documentsOf(Set<String> sourcePaths);
}
