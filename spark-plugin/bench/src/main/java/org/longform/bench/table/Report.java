package org.longform.bench.table;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** All figures of a run, and where they were taken. */
public final class Report {
  private static final List<String> COLUMNS =
      List.of("figure", "ours", "peers", "value", "must", "aim", "reached", "note");

  // lines about machine, date, versions, method
  private final List<String> facts = new ArrayList<>();
  private final List<Figure> figures = new ArrayList<>();

  /** Adds a line above the table, once. */
  public void fact(String line) {
    if (!line.isBlank() && !facts.contains(line)) {
      facts.add(line);
    }
  }

  public void add(Figure figure) {
    figures.add(figure);
  }

  public List<Figure> figures() {
    return List.copyOf(figures);
  }

  /** For a terminal: columns side by side, the notes below. */
  public String text() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(COLUMNS.subList(0, COLUMNS.size() - 1));
    for (Figure figure : figures) {
      rows.add(cells(figure).subList(0, COLUMNS.size() - 1));
    }
    StringBuilder text = new StringBuilder();
    facts.forEach(fact -> text.append(fact).append('\n'));
    text.append('\n');
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(each -> each.get(at).length()).max().orElse(0);
        String cell = row.get(column);
        line.append(cell).append(" ".repeat(width - cell.length() + 2));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    text.append('\n');
    figures.stream()
        .filter(figure -> !figure.note().isEmpty())
        .collect(
            Collectors.groupingBy(
                Figure::note,
                LinkedHashMap::new,
                Collectors.mapping(Figure::name, Collectors.joining("; "))))
        .forEach((note, names) -> text.append(names).append(": ").append(note).append('\n'));
    return text.toString();
  }

  public String markdown() {
    StringBuilder text = new StringBuilder();
    facts.forEach(fact -> text.append("* ").append(fact).append('\n'));
    text.append("\n| ").append(String.join(" | ", COLUMNS)).append(" |\n|");
    text.append("---|".repeat(COLUMNS.size())).append('\n');
    for (Figure figure : figures) {
      text.append("| ").append(String.join(" | ", cells(figure))).append(" |\n");
    }
    return text.toString();
  }

  public String json() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    facts.forEach(root.putArray("facts")::add);
    ArrayNode rows = root.putArray("figures");
    for (Figure figure : figures) {
      ObjectNode row = rows.addObject().put("name", figure.name()).put("unit", figure.unit());
      put(row, "ours", figure.ours());
      ObjectNode peers = row.putObject("peers");
      figure.peers().forEach((name, value) -> put(peers, name, value));
      put(row, "value", figure.value());
      if (figure.target() != null) {
        row.put("measure", figure.target().measure().name().toLowerCase(Locale.ROOT));
        put(row, "must", figure.target().must());
        put(row, "aim", figure.target().aim());
        row.put("reached", figure.mark());
      }
      row.put("note", figure.note());
    }
    return root.toPrettyString() + "\n";
  }

  /** Writes {@code bench.md} and {@code bench.json}. */
  public void write(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("bench.md"), markdown());
    Files.writeString(folder.resolve("bench.json"), json());
  }

  private static List<String> cells(Figure figure) {
    Target target = figure.target();
    return List.of(
        figure.name(),
        number(figure.ours()) + (Double.isNaN(figure.ours()) ? "" : " " + figure.unit()),
        peers(figure.peers()),
        shown(target, figure.value()),
        shown(target, target == null ? Double.NaN : target.must()),
        shown(target, target == null ? Double.NaN : target.aim()),
        figure.mark(),
        figure.note());
  }

  private static String shown(Target target, double value) {
    return target == null || Double.isNaN(value) ? "" : target.measure().show(value);
  }

  private static String peers(Map<String, Double> peers) {
    return peers.entrySet().stream()
        .map(peer -> peer.getKey() + " " + number(peer.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static void put(ObjectNode row, String key, double value) {
    // JSON has no NaN
    if (!Double.isNaN(value)) {
      row.put(key, value);
    }
  }

  /** Three digits, and no more behind the point than they need. */
  static String number(double value) {
    if (Double.isNaN(value)) {
      return "";
    }
    double size = Math.abs(value);
    return String.format(Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.2f", value);
  }
}
