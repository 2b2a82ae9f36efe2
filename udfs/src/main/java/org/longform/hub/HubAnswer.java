package org.longform.hub;

import java.net.URI;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What came back for one request, after redirects.
 *
 * @param status of the last answer
 * @param from who gave the last answer
 * @param headers of the last answer
 * @param ofHub headers of all answers that the hub itself gave, the first one first
 * @param body empty where something else took it
 */
record HubAnswer(int status, URI from, HttpHeaders headers, List<HttpHeaders> ofHub, byte[] body) {

  boolean isGood() {
    return status >= 200 && status < 300;
  }

  boolean isRedirect() {
    return isRedirect(status);
  }

  static boolean isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }

  Optional<String> header(String name) {
    return headers.firstValue(name).map(String::strip).filter(text -> !text.isEmpty());
  }

  /** As the hub itself says it: not who keeps its large files. */
  Optional<String> hubHeader(String name) {
    return ofHub.stream()
        .flatMap(each -> each.firstValue(name).stream())
        .map(String::strip)
        .filter(text -> !text.isEmpty())
        .findFirst();
  }

  /** A header that is a number of bytes; empty where it is none. */
  static OptionalLong number(Optional<String> text) {
    return text.isPresent() && text.get().matches("\\d{1,18}")
        ? OptionalLong.of(Long.parseLong(text.get()))
        : OptionalLong.empty();
  }

  String text() {
    return new String(body, StandardCharsets.UTF_8);
  }
}
