package org.longform.datasets.jats;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** Reads {@code front} of an article and {@code front-stub} of a sub-article. */
final class FrontReader {
  private final XmlCursor cursor;
  private final ContentReader content;
  private final Map<String, String> ids = new HashMap<>();
  private final Map<String, String> abstracts = new LinkedHashMap<>();
  private String title = "";
  private String journal = "";
  private String licence = "";
  private String licenceUrl = "";
  private int year;

  FrontReader(XmlCursor cursor, ContentReader content) {
    this.cursor = cursor;
    this.content = content;
  }

  void read() throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        element();
      }
    }
  }

  JatsMetadata metadata(String articleType, String source) {
    String docId =
        Stream.of("doi", "pmc", "pmcid", "publisher-id", "pmid")
            .map(type -> ids.getOrDefault(type, ""))
            .filter(id -> !id.isEmpty())
            .findFirst()
            .orElse(source);
    OptionalInt published = year == 0 ? OptionalInt.empty() : OptionalInt.of(year);
    String doi = ids.getOrDefault("doi", "");
    return new JatsMetadata(
        docId, doi, articleType, title, journal, published, licence, licenceUrl);
  }

  Map<String, String> abstracts() {
    return abstracts;
  }

  private void element() throws IOException {
    switch (cursor.name()) {
      case "article-id" -> {
        String type = cursor.attribute("pub-id-type");
        ids.putIfAbsent(type, content.flat());
      }
      case "article-title" ->
          title = title.isEmpty() ? content.title() : title + " " + content.title();
      case "subtitle" -> {
        String subtitle = content.title();
        title = subtitle.isEmpty() ? title : title + ": " + subtitle;
      }
      case "journal-title" -> {
        String name = content.title();
        journal = journal.isEmpty() ? name : journal;
      }
      case "pub-date" -> readYear();
      case "abstract" -> addAbstract(abstractType());
      case "trans-abstract" ->
          addAbstract(("translated-" + cursor.attribute("lang")).replaceFirst("-$", ""));
      case "license" -> readLicence();
      case "journal-meta", "article-meta", "journal-title-group", "title-group", "permissions" ->
          read();
      default -> cursor.skip(); // authors, keywords, funding, history, related articles
    }
  }

  private String abstractType() {
    String type = cursor.attribute("abstract-type");
    return type.isEmpty() ? JatsArticle.MAIN_ABSTRACT : type;
  }

  private void addAbstract(String type) throws IOException {
    String text = content.blocks();
    if (!text.isEmpty()) {
      abstracts.merge(type, text, (first, second) -> first + "\n\n" + second);
    }
  }

  private void readYear() throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.START) {
        if (cursor.name().equals("year")) {
          String digits = content.flat();
          if (digits.matches("[12][0-9]{3}")) {
            int found = Integer.parseInt(digits);
            year = year == 0 ? found : Math.min(year, found);
          }
        } else {
          cursor.skip();
        }
      }
    }
  }

  private void readLicence() throws IOException {
    List<String> urls = new ArrayList<>();
    urls.add(cursor.attribute("href"));
    StringBuilder text = new StringBuilder();
    readLicenceParts(urls, text);
    String statement = text.toString().replaceAll("\\s+", " ").strip();
    licence = licence.isEmpty() ? statement : licence;
    String url = urls.stream().filter(u -> u.startsWith("http")).findFirst().orElse("");
    licenceUrl = licenceUrl.isEmpty() ? url : licenceUrl;
  }

  // not the content reader: addresses are wanted from anywhere inside, also from ali:license_ref
  private void readLicenceParts(List<String> urls, StringBuilder text) throws IOException {
    for (XmlCursor.Event e = cursor.next(); e != XmlCursor.Event.END; e = cursor.next()) {
      if (e == XmlCursor.Event.TEXT) {
        cursor.charge(cursor.text().length());
        text.append(cursor.text());
      } else if (cursor.name().equals("license_ref")) {
        urls.add(content.flat());
      } else {
        urls.add(cursor.attribute("href"));
        readLicenceParts(urls, text);
        text.append(cursor.name().equals("p") || cursor.name().equals("license-p") ? " " : "");
      }
    }
  }
}
