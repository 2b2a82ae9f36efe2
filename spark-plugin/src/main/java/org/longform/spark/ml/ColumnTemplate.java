package org.longform.spark.ml;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A text with holes: {@code {title}} stands for the row's value of column {@code title}, {@code {{}
 * and {@code }}} for the braces themselves.
 */
final class ColumnTemplate {
  private sealed interface Part permits Literal, Hole {}

  private record Literal(String text) implements Part {}

  private record Hole(String column) implements Part {}

  private final String param;
  private final String source;
  private final List<Part> parts;

  private ColumnTemplate(String param, String source, List<Part> parts) {
    this.param = param;
    this.source = source;
    this.parts = parts;
  }

  /**
   * @param param the parameter that holds the text, for error sentences
   * @throws LongformException TEMPLATE_ERROR for a brace that neither opens nor closes a hole
   */
  static ColumnTemplate parse(String param, String source) {
    List<Part> parts = new ArrayList<>();
    StringBuilder literal = new StringBuilder();
    int at = 0;
    while (at < source.length()) {
      char c = source.charAt(at);
      if ((c == '{' || c == '}') && source.startsWith(String.valueOf(c).repeat(2), at)) {
        literal.append(c);
        at += 2;
      } else if (c == '{') {
        int end = source.indexOf('}', at);
        if (end < 0 || source.substring(at + 1, end).isBlank()) {
          throw malformed(param, source, at, end < 0 ? "is never closed" : "names no column");
        }
        flush(literal, parts);
        parts.add(new Hole(source.substring(at + 1, end).strip()));
        at = end + 1;
      } else if (c == '}') {
        throw malformed(param, source, at, "closes no hole");
      } else {
        literal.append(c);
        at++;
      }
    }
    flush(literal, parts);
    return new ColumnTemplate(param, source, List.copyOf(parts));
  }

  private static void flush(StringBuilder literal, List<Part> parts) {
    if (!literal.isEmpty()) {
      parts.add(new Literal(literal.toString()));
      literal.setLength(0);
    }
  }

  private static LongformException malformed(String param, String source, int at, String why) {
    return new LongformException(
        ErrorClass.TEMPLATE_ERROR,
        "Cannot use %s '%s': the brace at character %d %s. Write {column} for a column's value and double a brace that is meant as one."
            .formatted(param, source, at, why));
  }

  boolean hasHoles() {
    return parts.stream().anyMatch(Hole.class::isInstance);
  }

  /**
   * Checks that every hole names a column whose value can be written as text.
   *
   * @throws LongformException TEMPLATE_ERROR naming the hole and the columns there are
   */
  void check(Columns columns) {
    for (Part part : parts) {
      if (part instanceof Hole hole) {
        String column =
            columns
                .find(hole.column())
                .orElseThrow(
                    () ->
                        new LongformException(
                            ErrorClass.TEMPLATE_ERROR,
                            "Cannot fill {%s} of %s '%s': there is no such column (columns: %s). Rename the hole, or double its braces if they are part of the text."
                                .formatted(hole.column(), param, source, columns.names())));
        checkType(column, columns.typeOf(column));
      }
    }
  }

  private void checkType(String column, DataType type) {
    if (type instanceof ArrayType
        || type instanceof MapType
        || type instanceof StructType
        || type instanceof BinaryType) {
      throw new LongformException(
          ErrorClass.TEMPLATE_ERROR,
          "Cannot fill {%s} of %s '%s': a value of type %s has no one text. Turn the column into text first."
              .formatted(column, param, source, type.simpleString().toUpperCase(Locale.ROOT)));
    }
  }

  /** The filled text of each row; NULL where a hole's value is NULL. */
  Column fill(Columns columns) {
    Column[] texts =
        parts.stream()
            .map(
                part ->
                    part instanceof Hole hole
                        ? columns.column(columns.find(hole.column()).orElseThrow()).cast("string")
                        : functions.lit(((Literal) part).text()))
            .toArray(Column[]::new);
    return texts.length == 0 ? functions.lit("") : functions.concat(texts);
  }
}
