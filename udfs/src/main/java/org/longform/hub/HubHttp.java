package org.longform.hub;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import javax.net.ssl.SSLHandshakeException;

/**
 * Requests to the hub: redirects are followed here, so that the token goes to the hub alone; who
 * waits can be interrupted, and does not wait for a server that stopped to send.
 */
final class HubHttp {
  private static final int MOST_REDIRECTS = 8;
  private static final long POLL_MILLIS = 100;
  private static final String AGENT = "longform";

  private final HubSettings settings;
  private final HttpClient client;

  /**
   * A request.
   *
   * @param headers beside those of every request
   * @param stay whether a redirect to another host is not followed but is the answer
   */
  record Request(String method, URI uri, Map<String, String> headers, boolean stay) {}

  HubHttp(HubSettings settings) {
    this.settings = settings;
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.timeout())
            .proxy(settings.proxies());
    settings.proxies().authenticator().ifPresent(builder::authenticator);
    this.client = builder.build();
  }

  /**
   * @param taker gets a new one for each answer on the way; the last one's is the answer's body
   * @throws HubMisbehaved for redirects that must not be followed
   * @throws IOException if nothing, or not all, came back
   */
  HubAnswer send(Request request, Supplier<BodyTaker> taker)
      throws IOException, InterruptedException {
    List<HttpHeaders> ofHub = new ArrayList<>();
    URI uri = request.uri();
    boolean atHub = true;
    for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
      // once away it stays away: another host must not choose what the hub is asked for
      atHub = atHub && isHub(uri);
      BodyTaker body = taker.get();
      HttpResponse<Void> response = await(request(request, uri, atHub), body);
      if (atHub) {
        ofHub.add(response.headers());
      }
      HubAnswer answer =
          new HubAnswer(
              response.statusCode(), uri, response.headers(), List.copyOf(ofHub), body.kept());
      if (!answer.isRedirect()) {
        return answer;
      }
      URI next = next(answer);
      if (request.stay() && !isHub(next)) {
        return answer;
      }
      uri = next;
    }
    throw new HubMisbehaved(
        "it redirects more than %d times (last to host %s)"
            .formatted(MOST_REDIRECTS, uri.getHost()));
  }

  private HttpRequest request(Request request, URI uri, boolean atHub) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(uri)
            .method(request.method(), HttpRequest.BodyPublishers.noBody())
            .header("User-Agent", AGENT)
            // a compressed body would have another length
            .header("Accept-Encoding", "identity");
    request.headers().forEach(builder::header);
    if (atHub) {
      settings.token().ifPresent(each -> builder.header("Authorization", "Bearer " + each.value()));
    }
    return builder.build();
  }

  private boolean isHub(URI uri) {
    URI hub = settings.endpoint();
    return uri.getScheme().equalsIgnoreCase(hub.getScheme())
        && uri.getHost().equalsIgnoreCase(hub.getHost())
        && port(uri) == port(hub);
  }

  private static int port(URI uri) {
    return uri.getPort() > 0 ? uri.getPort() : uri.getScheme().equalsIgnoreCase("https") ? 443 : 80;
  }

  private static URI next(HubAnswer answer) throws HubMisbehaved {
    Optional<String> location = answer.header("Location");
    try {
      URI next = answer.from().resolve(URI.create(location.orElse(":")));
      boolean web = next.getHost() != null && next.getScheme().matches("(?i)https?");
      boolean unsafe =
          answer.from().getScheme().equalsIgnoreCase("https")
              && !next.getScheme().equalsIgnoreCase("https");
      if (web && !unsafe) {
        return next;
      }
    } catch (IllegalArgumentException e) {
      // told below, without its text: where large files lie is signed
    }
    throw new HubMisbehaved(
        "it redirects to what is no https address (status %d)".formatted(answer.status()));
  }

  private HttpResponse<Void> await(HttpRequest request, BodyTaker taker)
      throws IOException, InterruptedException {
    AtomicLong lastNanos = new AtomicLong(System.nanoTime());
    CompletableFuture<HttpResponse<Void>> answer =
        client.sendAsync(request, info -> subscriber(info, taker, lastNanos));
    while (true) {
      try {
        return answer.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        long quiet = System.nanoTime() - lastNanos.get();
        if (quiet > settings.timeout().toNanos()) {
          answer.cancel(true);
          throw new HttpTimeoutException(
              "nothing arrived for %d s".formatted(settings.timeout().toSeconds()));
        }
      } catch (InterruptedException e) {
        answer.cancel(true);
        throw e;
      } catch (CancellationException e) {
        throw new IOException("the request was cancelled", e);
      } catch (ExecutionException e) {
        throw known(e.getCause());
      }
    }
  }

  private static HttpResponse.BodySubscriber<Void> subscriber(
      HttpResponse.ResponseInfo info, BodyTaker taker, AtomicLong lastNanos) {
    lastNanos.set(System.nanoTime());
    if (HubAnswer.isRedirect(info.statusCode())) {
      return HttpResponse.BodySubscribers.discarding();
    }
    try {
      taker.begin(info.statusCode(), info.headers());
      return new BodySubscriber(taker, lastNanos);
    } catch (IOException e) {
      return BodySubscriber.failed(e);
    }
  }

  private static IOException known(Throwable failure) {
    IOException outermost = null;
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof HubMisbehaved misbehaved) {
        return misbehaved;
      }
      if (each instanceof UnresolvedAddressException) {
        return new UnknownHostException("no such host");
      }
      if (outermost == null && each instanceof IOException io) {
        outermost = io;
      }
    }
    return outermost == null ? new IOException(failure) : outermost;
  }

  /** Whether nobody answers there at all, so that more patience is of no use. */
  static boolean isNobody(IOException failure) {
    return failure instanceof ConnectException
        || failure instanceof HttpConnectTimeoutException
        || failure instanceof UnknownHostException
        || failure instanceof SSLHandshakeException;
  }
}
