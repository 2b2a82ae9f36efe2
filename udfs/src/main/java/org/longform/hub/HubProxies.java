package org.longform.hub;

import java.io.IOException;
import java.net.Authenticator;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Which proxy leads to an address: the variables that curl reads, {@code https_proxy}, {@code
 * http_proxy}, {@code all_proxy} and {@code no_proxy}, in small or capital letters; where none of
 * them is set what Java itself was told ({@code -Dhttps.proxyHost}).
 */
final class HubProxies extends ProxySelector {
  private static final List<String> VARIABLES =
      List.of("https_proxy", "http_proxy", "all_proxy", "no_proxy");

  private final Map<String, String> variables;

  private HubProxies(Map<String, String> variables) {
    this.variables = variables;
  }

  static HubProxies of(Map<String, String> environment) {
    Map<String, String> found = new java.util.TreeMap<>();
    for (String name : VARIABLES) {
      Stream.of(name, name.toUpperCase(Locale.ROOT))
          .map(environment::get)
          .filter(Objects::nonNull)
          .map(String::strip)
          .filter(text -> !text.isEmpty())
          .findFirst()
          .ifPresent(text -> found.put(name, text));
    }
    HubProxies proxies = new HubProxies(Map.copyOf(found));
    proxies.uri("https");
    proxies.uri("http");
    return proxies;
  }

  @Override
  public List<Proxy> select(URI uri) {
    Optional<URI> proxy = uri(uri.getScheme());
    if (proxy.isEmpty()) {
      ProxySelector javas = ProxySelector.getDefault();
      return javas == null ? List.of(Proxy.NO_PROXY) : javas.select(uri);
    }
    return List.of(
        goesDirectly(uri.getHost(), uri.getPort())
            ? Proxy.NO_PROXY
            : new Proxy(Proxy.Type.HTTP, address(proxy.get())));
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException failure) {
    // whoever asked is told
  }

  /** Gives a proxy the name and password of its variable; nobody else. */
  Optional<Authenticator> authenticator() {
    List<URI> withPassword =
        Stream.of("https", "http")
            .flatMap(scheme -> uri(scheme).stream())
            .filter(uri -> uri.getUserInfo() != null)
            .toList();
    if (withPassword.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Authenticator() {
          @Override
          protected PasswordAuthentication getPasswordAuthentication() {
            if (getRequestorType() != RequestorType.PROXY) {
              return null;
            }
            return withPassword.stream()
                .filter(
                    uri ->
                        uri.getHost().equals(getRequestingHost())
                            && port(uri) == getRequestingPort())
                .findFirst()
                .map(uri -> uri.getUserInfo().split(":", 2))
                .filter(parts -> parts.length == 2)
                .map(parts -> new PasswordAuthentication(parts[0], parts[1].toCharArray()))
                .orElse(null);
          }
        });
  }

  private Optional<URI> uri(String scheme) {
    String name = scheme + "_proxy";
    String text = variables.getOrDefault(name, variables.get("all_proxy"));
    if (text == null) {
      return Optional.empty();
    }
    URI uri = null;
    try {
      uri = URI.create(text.contains("://") ? text : "http://" + text);
    } catch (IllegalArgumentException e) {
      // told below, without its text, which may hold a password
    }
    if (uri == null || uri.getHost() == null || !uri.getScheme().matches("https?")) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use the proxy of %s or all_proxy: it is no address of an HTTP proxy. Write it as http://host:port, or unset the variable."
              .formatted(name));
    }
    return Optional.of(uri);
  }

  private static InetSocketAddress address(URI proxy) {
    return new InetSocketAddress(proxy.getHost(), port(proxy));
  }

  private static int port(URI proxy) {
    return proxy.getPort() > 0 ? proxy.getPort() : proxy.getScheme().equals("https") ? 443 : 80;
  }

  /** Names of {@code no_proxy}: a host, what ends like it, with or without a port, or all. */
  private boolean goesDirectly(String host, int port) {
    String asked = host.toLowerCase(Locale.ROOT);
    return Stream.of(
            variables.getOrDefault("no_proxy", "").toLowerCase(Locale.ROOT).split("[,\\s]+"))
        .filter(each -> !each.isEmpty())
        .anyMatch(
            each -> {
              String[] parts = each.split(":(?=\\d+$)", 2);
              String name = parts[0].replaceFirst("^\\*?\\.", "");
              boolean samePort = parts.length == 1 || parts[1].equals(String.valueOf(port));
              return each.equals("*")
                  || (samePort && (asked.equals(name) || asked.endsWith("." + name)));
            });
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HubProxies that && variables.equals(that.variables);
  }

  @Override
  public int hashCode() {
    return variables.hashCode();
  }

  /** Without the addresses, which may hold passwords. */
  @Override
  public String toString() {
    return "proxies of " + variables.keySet();
  }
}
