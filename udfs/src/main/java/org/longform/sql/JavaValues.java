package org.longform.sql;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import scala.Tuple2;
import scala.collection.Iterator;

/** Scala collections as Spark hands them over, as Java ones; the same source for 2.12 and 2.13. */
final class JavaValues {
  private JavaValues() {}

  static List<Object> list(scala.collection.Seq<?> values) {
    List<Object> list = new ArrayList<>();
    for (Iterator<?> it = values.iterator(); it.hasNext(); ) {
      list.add(it.next());
    }
    return list;
  }

  /** A list of texts, in which null stands for NULL. */
  static List<String> texts(List<?> values) {
    List<String> texts = new ArrayList<>();
    values.forEach(each -> texts.add((String) each));
    return texts;
  }

  /** Entries with a NULL value are left out: they set nothing. */
  static Map<String, String> stringMap(Object values) {
    Map<String, String> map = new HashMap<>();
    if (values instanceof Map<?, ?> java) {
      java.forEach((key, value) -> put(map, key, value));
    } else if (values instanceof scala.collection.Map<?, ?> scala) {
      for (Iterator<?> it = scala.iterator(); it.hasNext(); ) {
        Tuple2<?, ?> entry = (Tuple2<?, ?>) it.next();
        put(map, entry._1(), entry._2());
      }
    }
    return map;
  }

  private static void put(Map<String, String> map, Object key, Object value) {
    if (key != null && value != null) {
      map.put(key.toString(), value.toString());
    }
  }
}
