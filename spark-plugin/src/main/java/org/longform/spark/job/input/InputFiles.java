package org.longform.spark.job.input;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** The files that an input names, by format. */
final class InputFiles {
  private final Configuration conf;
  private final InputFormat wanted;
  private final Map<InputFormat, List<FileStatus>> found = new EnumMap<>(InputFormat.class);
  private final TreeSet<String> ignored = new TreeSet<>();

  private InputFiles(Configuration conf, InputFormat wanted) {
    this.conf = conf;
    this.wanted = wanted;
  }

  /**
   * Lists directories to any depth; names that begin with a dot or an underscore are hidden.
   *
   * @throws LongformException INVALID_INPUT if a path has no documents
   */
  static InputFiles list(Configuration conf, String paths, InputFormat wanted) {
    InputFiles files = new InputFiles(conf, wanted);
    for (String path : split(paths)) {
      try {
        files.add(path);
      } catch (IOException | IllegalArgumentException e) {
        throw refusal(path, "it cannot be listed (" + e.getMessage() + ")", e);
      }
    }
    if (files.found.isEmpty()) {
      throw refusal(
          paths,
          files.ignored.isEmpty()
              ? "there are no files"
              : "no file has a known ending (found " + String.join(" ", files.ignored) + ")",
          null);
    }
    return files;
  }

  /** Files of a format, by path; of Delta the directories of tables. */
  List<FileStatus> of(InputFormat format) {
    return found.getOrDefault(format, List.of()).stream()
        .sorted(Comparator.comparing(FileStatus::getPath))
        .distinct()
        .toList();
  }

  /** Endings of files in directories that were left out because they are of no known format. */
  List<String> ignoredEndings() {
    return List.copyOf(ignored);
  }

  /** Commas separate paths, but not those inside the braces of a glob. */
  static List<String> split(String paths) {
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i < paths.length(); i++) {
      char c = paths.charAt(i);
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == ',' && depth == 0) {
        parts.add(paths.substring(start, i));
        start = i + 1;
      }
    }
    parts.add(paths.substring(start));
    return parts.stream().map(String::strip).filter(part -> !part.isEmpty()).toList();
  }

  private void add(String path) throws IOException {
    Path pattern = new Path(path);
    FileSystem files = pattern.getFileSystem(conf);
    // a file may have the characters of a glob in its name
    FileStatus[] matches =
        files.exists(pattern)
            ? new FileStatus[] {files.getFileStatus(pattern)}
            : files.globStatus(pattern);
    if (matches == null || matches.length == 0) {
      throw refusal(path, "there is nothing", null);
    }
    for (FileStatus match : matches) {
      if (match.isDirectory()) {
        addDirectory(files, match);
      } else {
        addNamed(match);
      }
    }
  }

  private void addDirectory(FileSystem files, FileStatus directory) throws IOException {
    boolean table = files.exists(new Path(directory.getPath(), "_delta_log"));
    if (table && (wanted == InputFormat.AUTO || wanted == InputFormat.DELTA)) {
      put(InputFormat.DELTA, directory);
      return;
    }
    if (wanted == InputFormat.DELTA) {
      throw refusal(directory.getPath().toString(), "it is no Delta table (no _delta_log)", null);
    }
    for (FileStatus child : files.listStatus(directory.getPath())) {
      if (isHidden(child)) {
        continue;
      }
      if (child.isDirectory()) {
        addDirectory(files, child);
      } else {
        addListed(child);
      }
    }
  }

  /** A file the user named: without a known ending it is text. */
  private void addNamed(FileStatus file) {
    InputFormat format =
        wanted == InputFormat.AUTO
            ? InputFormat.ofFile(file.getPath().getName()).orElse(InputFormat.TEXT)
            : wanted;
    if (format == InputFormat.DELTA) {
      throw refusal(file.getPath().toString(), "a Delta table is a directory", null);
    }
    if ((format == InputFormat.JSON || format == InputFormat.PARQUET) && isHidden(file)) {
      throw refusal(
          file.getPath().toString(),
          "Spark leaves out files whose names begin so; rename it",
          null);
    }
    put(format, file);
  }

  private static boolean isHidden(FileStatus file) {
    String name = file.getPath().getName();
    return name.startsWith(".") || name.startsWith("_");
  }

  /** A file in a directory: without a known ending it is none of ours. */
  private void addListed(FileStatus file) {
    String name = file.getPath().getName();
    Optional<InputFormat> format = InputFormat.ofFile(name);
    if (wanted == InputFormat.AUTO ? format.isPresent() : matchesWanted(format)) {
      put(wanted == InputFormat.AUTO ? format.get() : wanted, file);
    } else {
      int dot = name.lastIndexOf('.');
      ignored.add(dot < 0 ? name : name.substring(dot));
    }
  }

  // a format that was asked for also covers files without a known ending
  private boolean matchesWanted(Optional<InputFormat> byEnding) {
    return byEnding.isEmpty() || byEnding.get() == wanted;
  }

  private void put(InputFormat format, FileStatus file) {
    found.computeIfAbsent(format, key -> new ArrayList<>()).add(file);
  }

  private static LongformException refusal(String path, String why, Throwable cause) {
    return new LongformException(
        ErrorClass.INVALID_INPUT,
        "Cannot read documents from '%s': %s. Give --input a directory, file or glob (%s) or a Delta table."
            .formatted(path, why, InputFormat.endings()),
        cause);
  }
}
