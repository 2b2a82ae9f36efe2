package org.longform.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Where the hub is, where its cache lies and who asks: what the hub's own library reads from the
 * same environment variables.
 *
 * @param endpoint without a slash at its end
 * @param cache the directory that holds {@code models--org--name}
 * @param offline whether only the cache may be used
 * @param timeout how long nothing may arrive
 */
public record HubSettings(
    URI endpoint,
    Path cache,
    Optional<HubToken> token,
    boolean offline,
    Duration timeout,
    HubProxies proxies) {
  static final String USUAL_ENDPOINT = "https://huggingface.co";

  private static final List<String> YES = List.of("1", "on", "yes", "true");
  private static final Duration USUAL_TIMEOUT = Duration.ofSeconds(30);
  private static final long LONGEST_TOKEN_FILE = 4096;

  /**
   * What the application says where the environment does not.
   *
   * @param endpoint goes before the environment
   * @param offline goes before the environment
   * @param modelCache the directory of all copies of models
   */
  public record Given(
      Optional<String> endpoint, Optional<Boolean> offline, Optional<String> modelCache) {}

  /**
   * @throws LongformException INVALID_OPTION for a variable that makes no sense
   */
  public static HubSettings of(Map<String, String> environment, Given given) {
    Variables variables = new Variables(environment);
    return new HubSettings(
        endpoint(given.endpoint().or(() -> variables.find("HF_ENDPOINT")).orElse(USUAL_ENDPOINT)),
        cache(variables, given.modelCache()),
        token(variables),
        given
            .offline()
            .orElseGet(
                () -> variables.yes("HF_HUB_OFFLINE") || variables.yes("TRANSFORMERS_OFFLINE")),
        variables.seconds("HF_HUB_DOWNLOAD_TIMEOUT").orElse(USUAL_TIMEOUT),
        HubProxies.of(environment));
  }

  private record Variables(Map<String, String> all) {
    Optional<String> find(String name) {
      return Optional.ofNullable(all.get(name)).map(String::strip).filter(text -> !text.isEmpty());
    }

    boolean yes(String name) {
      return find(name).map(text -> YES.contains(text.toLowerCase(Locale.ROOT))).orElse(false);
    }

    Optional<Path> path(String name) {
      return find(name)
          .map(
              text ->
                  text.equals("~") || text.startsWith("~/") ? userHome() + text.substring(1) : text)
          .map(Path::of);
    }

    Optional<Duration> seconds(String name) {
      try {
        return find(name)
            .map(Double::parseDouble)
            .filter(value -> value >= 0.001 && value < 1e6)
            .map(value -> Duration.ofMillis(Math.round(value * 1000)));
      } catch (NumberFormatException e) {
        throw invalid("use " + name, "it is no number of seconds", "Give a number, such as 30");
      }
    }

    String userHome() {
      return find("HOME").orElseGet(() -> System.getProperty("user.home", "/"));
    }

    Path home() {
      return path("HF_HOME")
          .orElseGet(
              () ->
                  path("XDG_CACHE_HOME")
                      .orElseGet(() -> Path.of(userHome(), ".cache"))
                      .resolve("huggingface"));
    }
  }

  private static URI endpoint(String text) {
    URI uri;
    try {
      uri = URI.create(text.replaceAll("/+$", ""));
    } catch (IllegalArgumentException e) {
      // its text is left out: it may hold a password
      throw invalid("use the hub's address", "it is no URI", "Write it as " + USUAL_ENDPOINT);
    }
    if (uri.getUserInfo() != null || uri.getRawQuery() != null) {
      throw invalid(
          "use the hub's address",
          "it has a password or a query in it, which logs would show",
          "Give a token in HF_TOKEN instead");
    }
    if (uri.getHost() == null || !String.valueOf(uri.getScheme()).matches("https?")) {
      throw invalid(
          "use the hub's address",
          "it does not begin with http:// or https:// and a host (%s)".formatted(text),
          "Write it as " + USUAL_ENDPOINT);
    }
    return uri;
  }

  private static Path cache(Variables variables, Optional<String> modelCache) {
    Optional<Path> named =
        variables
            .path("HF_HUB_CACHE")
            .or(() -> variables.path("HUGGINGFACE_HUB_CACHE"))
            .or(() -> variables.path("HF_HOME").map(home -> home.resolve("hub")));
    Path found =
        named
            .or(() -> modelCache.map(directory -> Path.of(directory).resolve("hub")))
            .orElseGet(() -> usable(variables.home().resolve("hub")));
    return found.toAbsolutePath().normalize();
  }

  // containers often have no home
  private static Path usable(Path cache) {
    if (Files.isDirectory(cache)) {
      return cache; // others may have filled it
    }
    for (Path each = cache.toAbsolutePath(); each != null; each = each.getParent()) {
      if (Files.exists(each)) {
        if (Files.isWritable(each)) {
          return cache;
        }
        break;
      }
    }
    return Path.of(
        System.getProperty("java.io.tmpdir"),
        "longform-hub-cache-" + System.getProperty("user.name", "user"));
  }

  private static Optional<HubToken> token(Variables variables) {
    if (variables.yes("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      return Optional.empty();
    }
    for (String name : List.of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")) {
      Optional<String> value = variables.find(name);
      if (value.isPresent()) {
        return value.map(text -> HubToken.of(text, name));
      }
    }
    Path file = variables.path("HF_TOKEN_PATH").orElseGet(() -> variables.home().resolve("token"));
    try {
      if (!Files.isRegularFile(file) || Files.size(file) > LONGEST_TOKEN_FILE) {
        return Optional.empty();
      }
      String text = Files.readString(file, StandardCharsets.UTF_8);
      return text.isBlank() ? Optional.empty() : Optional.of(HubToken.of(text, "file " + file));
    } catch (IOException e) {
      // whoever needs it is told that there is none
      return Optional.empty();
    }
  }

  private static LongformException invalid(String what, String why, String remedy) {
    return new LongformException(
        ErrorClass.INVALID_OPTION, "Cannot %s: %s. %s.".formatted(what, why, remedy));
  }

  /** A text from outside as it may be shown: on one line, not long, without the token. */
  String shown(String text) {
    String line = text.replaceAll("\\p{Cntrl}+", " ").strip();
    String hidden = token.map(each -> each.hiddenIn(line)).orElse(line);
    return hidden.length() > 300 ? hidden.substring(0, 300) + " …" : hidden;
  }

  /** The page of a model, for people. */
  String page(HubModel model) {
    return endpoint + "/" + model.id();
  }
}
