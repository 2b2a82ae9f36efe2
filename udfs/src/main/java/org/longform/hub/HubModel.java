package org.longform.hub;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * A model of the hub, as users name it: {@code org/name[@revision]}, or the same with {@code hf://}
 * before it and, for one of several GGUF files, {@code /file.gguf} behind it.
 *
 * @param id organisation and name
 * @param revision a branch, a tag or a commit; empty for the branch {@code main}
 * @param file the GGUF file that is meant, if the model is one
 */
public record HubModel(String id, Optional<String> revision, Optional<String> file) {
  public static final String SCHEME = "hf://";

  static final String MAIN = "main";

  private static final String PART = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";
  private static final String REVISION = "[A-Za-z0-9_](?:[A-Za-z0-9_./+-]{0,200}[A-Za-z0-9_+-])?";
  private static final Pattern PLAIN =
      Pattern.compile("(%s/%s)(?:@(%s))?".formatted(PART, PART, REVISION));
  // a revision with a slash is one of the hub's own, or has the slash escaped
  private static final Pattern ADDRESS =
      Pattern.compile(
          "hf://(%s/%s)(?:@(refs/(?:pr|convert)/[^/@]+|[^/@]+))?(?:/(.*))?".formatted(PART, PART));
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /**
   * Whether a name can only be of the hub, or can be; a local directory of that name goes before.
   */
  public static boolean isNamed(String name) {
    return name.startsWith(SCHEME) || plain(name).isPresent();
  }

  /**
   * What a name means on the hub; empty for one that is not of its kind.
   *
   * @throws LongformException INVALID_MODEL for an {@code hf://} address that means nothing
   */
  public static Optional<HubModel> of(String name) {
    return name.startsWith(SCHEME) ? Optional.of(address(name)) : plain(name);
  }

  private static Optional<HubModel> plain(String name) {
    Matcher parts = PLAIN.matcher(name);
    if (!parts.matches() || odd(parts.group(1)) || parts.group(1).endsWith(".gguf")) {
      return Optional.empty();
    }
    Optional<String> revision = Optional.ofNullable(parts.group(2));
    return revision.isPresent() && odd(revision.get())
        ? Optional.empty()
        : Optional.of(new HubModel(parts.group(1), revision, Optional.empty()));
  }

  private static HubModel address(String name) {
    Matcher parts = ADDRESS.matcher(name);
    if (!parts.matches() || odd(parts.group(1))) {
      throw invalid(name, "it is no address of a model");
    }
    if (parts.group(1).matches("(datasets|spaces)/.*")) {
      throw invalid(name, "it is an address of a data set or a space");
    }
    Optional<String> revision = Optional.ofNullable(parts.group(2)).map(HubModel::unescaped);
    if (revision.isPresent() && (!revision.get().matches(REVISION) || odd(revision.get()))) {
      throw invalid(
          name,
          "it has a revision that cannot be ('%s')".formatted(withoutSecrets(revision.get())));
    }
    Optional<String> file = Optional.ofNullable(parts.group(3)).filter(text -> !text.isEmpty());
    if (file.isPresent() && (!FileNames.isSafe(file.get()) || !file.get().endsWith(".gguf"))) {
      throw invalid(name, "'%s' is no name of a .gguf file".formatted(withoutSecrets(file.get())));
    }
    return new HubModel(parts.group(1), revision, file);
  }

  private static String unescaped(String revision) {
    return revision.replace("%2F", "/").replace("%2f", "/");
  }

  // what a path or the cache's own names could be mistaken for
  private static boolean odd(String text) {
    return text.contains("..") || text.contains("--") || text.contains("//");
  }

  private static LongformException invalid(String name, String why) {
    return new LongformException(
        ErrorClass.INVALID_MODEL,
        "Cannot find model '%s': %s. Write hf://org/name, hf://org/name@revision or hf://org/name/file.gguf."
            .formatted(withoutSecrets(name), why));
  }

  // some write a token where other addresses have a password
  private static String withoutSecrets(String name) {
    return name.replaceFirst("(?<=//)[^/@]*@", "***@").replaceFirst("(?s)[?#].*", "?***");
  }

  /** Whether it names a commit, so that it means the same files everywhere and forever. */
  public boolean isPinned() {
    return revision.isPresent() && COMMIT.matcher(revision.get()).matches();
  }

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  String revisionOrMain() {
    return revision.orElse(MAIN);
  }

  HubModel at(String commit) {
    return new HubModel(id, Optional.of(commit), file);
  }

  HubModel withFile(String name) {
    return new HubModel(id, revision, Optional.of(name));
  }

  /** The address, which is never mistaken for a local path. */
  public String uri() {
    return SCHEME
        + id
        + revision.map(text -> "@" + text.replace("/", "%2F")).orElse("")
        + file.map(text -> "/" + text).orElse("");
  }

  /** The name as a user would write it. */
  @Override
  public String toString() {
    return file.isPresent() ? uri() : id + revision.map(text -> "@" + text).orElse("");
  }
}
