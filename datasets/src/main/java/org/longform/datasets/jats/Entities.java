package org.longform.datasets.jats;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The named characters which article DTDs declare; the DTDs themselves are never loaded. */
final class Entities {
  private static final Map<String, String> TEXTS = load();

  private Entities() {}

  /** The characters of an entity, null if the name is not a standard one. */
  static String text(String name) {
    return TEXTS.get(name);
  }

  private static Map<String, String> load() {
    Map<String, String> texts = new HashMap<>();
    try (InputStream in = Entities.class.getResourceAsStream("entities.txt");
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.startsWith("#")) {
          String[] words = line.split(" ");
          StringBuilder text = new StringBuilder();
          for (int i = 1; i < words.length; i++) {
            text.appendCodePoint(Integer.parseInt(words[i], 16));
          }
          texts.put(words[0], text.toString());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "Cannot read the table of character entities: entities.txt is damaged. Rebuild longform-datasets.",
          e);
    }
    return Map.copyOf(texts);
  }
}
