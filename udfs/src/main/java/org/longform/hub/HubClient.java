package org.longform.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.longform.hub.HubHttp.Request;

/** What the hub is asked: which files a revision has, what they are, and their bytes. */
final class HubClient {
  private static final int LARGEST_LISTING = 16 << 20;
  private static final long LARGEST_FILE = 1L << 50;
  private static final String ETAG = "[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}";

  private final HubSettings settings;
  private final HubHttp http;
  private final HubRefusals refusals;
  private final Patience.Pause pause;
  private final ObjectMapper json = new ObjectMapper();

  /**
   * What a revision has.
   *
   * @param commit 40 hexadecimal digits
   * @param files all names, each safe
   */
  record Listing(String commit, List<String> files) {}

  HubClient(HubSettings settings, Patience.Pause pause) {
    this.settings = settings;
    this.http = new HubHttp(settings);
    this.refusals = new HubRefusals(settings);
    this.pause = pause;
  }

  /**
   * @throws org.longform.kernels.error.LongformException INVALID_MODEL if the hub refuses
   * @throws HubUnreachable if it does not answer
   * @throws HubMisbehaved if it answers what cannot be
   */
  Listing listing(HubModel model) throws IOException, InterruptedException {
    URI uri =
        uri("/api/models/%s/revision/%s".formatted(model.id(), escaped(model.revisionOrMain())));
    HubAnswer answer =
        patiently(
            model,
            "",
            new Request("GET", uri, Map.of(), false),
            () -> new BodyTaker.InMemory(LARGEST_LISTING));
    JsonNode root = root(answer);
    String commit = root.path("sha").asText();
    if (!HubModel.isCommit(commit)) {
      throw new HubMisbehaved("its description names no commit");
    }
    requireSameCommit(model, commit);
    List<String> files = new ArrayList<>();
    for (JsonNode each : root.path("siblings")) {
      String name = each.path("rfilename").asText();
      if (!FileNames.isSafe(name)) {
        throw new HubMisbehaved(
            "its list of files has a name that no file may have ('%s')".formatted(name));
      }
      files.add(name);
    }
    return new Listing(commit, List.copyOf(files));
  }

  private JsonNode root(HubAnswer answer) throws HubMisbehaved {
    try {
      JsonNode root = json.readTree(answer.text());
      if (root != null && root.isObject()) {
        return root;
      }
    } catch (JsonProcessingException e) {
      // told below: what came is often the page of a proxy
    }
    throw new HubMisbehaved(
        "its description is no JSON (from %s)".formatted(answer.from().getHost()));
  }

  private static void requireSameCommit(HubModel model, String commit) throws HubMisbehaved {
    if (model.isPinned() && !model.revisionOrMain().equals(commit)) {
      throw new HubMisbehaved("the hub answers with commit %s instead".formatted(commit));
    }
  }

  /** What a file of a pinned model is, without its bytes; failures as of {@link #listing}. */
  HubFile file(HubModel model, String name) throws IOException, InterruptedException {
    HubAnswer answer =
        patiently(
            model,
            "file %s: ".formatted(name),
            new Request("HEAD", resolve(model, name), Map.of(), true),
            () -> new BodyTaker.InMemory(0));
    Optional<String> commit = answer.hubHeader("X-Repo-Commit");
    if (commit.isPresent()) {
      requireSameCommit(model, commit.get());
    }
    Optional<String> etag =
        answer
            .hubHeader("X-Linked-Etag")
            .or(() -> answer.isRedirect() ? Optional.empty() : answer.hubHeader("ETag"))
            .map(text -> text.replaceFirst("^W/", "").replaceAll("^\"|\"$", ""));
    if (etag.isEmpty() || !etag.get().matches(ETAG)) {
      throw new HubMisbehaved(
          "file %s: it does not say what its content is (ETag)".formatted(name));
    }
    OptionalLong bytes = HubAnswer.number(answer.hubHeader("X-Linked-Size"));
    if (bytes.isEmpty() && !answer.isRedirect()) {
      bytes = HubAnswer.number(answer.header("Content-Length"));
    }
    if (bytes.isEmpty() || bytes.getAsLong() > LARGEST_FILE) {
      throw new HubMisbehaved("file %s: it does not say how large it is".formatted(name));
    }
    return new HubFile(name, etag.get(), bytes.getAsLong());
  }

  /**
   * The bytes of a file from one on.
   *
   * @return the last answer, which may be any; one that is not good was not given to the taker
   */
  HubAnswer bytes(HubModel model, HubFile file, long from, BodyTaker taker)
      throws IOException, InterruptedException {
    Map<String, String> headers =
        from == 0 ? Map.of() : Map.of("Range", "bytes=%d-".formatted(from));
    return http.send(new Request("GET", resolve(model, file.name()), headers, false), () -> taker);
  }

  Patience patience(String what) {
    return new Patience(pause, what);
  }

  HubRefusals refusals() {
    return refusals;
  }

  private HubAnswer patiently(
      HubModel model, String what, Request request, Supplier<BodyTaker> taker)
      throws IOException, InterruptedException {
    Patience patience = patience(request.uri().getPath());
    while (true) {
      HubAnswer answer;
      try {
        answer = http.send(request, taker);
      } catch (HubMisbehaved e) {
        throw e;
      } catch (IOException e) {
        patience.afterFailure(e);
        continue;
      }
      if (answer.isGood() || (request.stay() && answer.isRedirect())) {
        return answer;
      }
      if (!Patience.isPassing(answer.status())) {
        throw refusals.of(model, what, answer);
      }
      patience.afterStatus(answer);
    }
  }

  private URI resolve(HubModel model, String name) {
    String path =
        Stream.of(name.split("/")).map(HubClient::escaped).collect(Collectors.joining("/"));
    return uri("/%s/resolve/%s/%s".formatted(model.id(), escaped(model.revisionOrMain()), path));
  }

  private URI uri(String path) {
    return URI.create(settings.endpoint() + path);
  }

  private static String escaped(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
