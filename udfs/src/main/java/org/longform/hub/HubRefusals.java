package org.longform.hub;

import java.util.Locale;
import java.util.Optional;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/** What the hub says no with, as sentences for people. */
final class HubRefusals {
  private final HubSettings settings;

  HubRefusals(HubSettings settings) {
    this.settings = settings;
  }

  /**
   * @param what "" for the model itself, or "file x: "
   */
  LongformException of(HubModel model, String what, HubAnswer answer) {
    String code = answer.hubHeader("X-Error-Code").orElse("").toLowerCase(Locale.ROOT);
    if (code.equals("gatedrepo")) {
      return gated(model);
    }
    if (code.equals("revisionnotfound")) {
      return invalid(
          "Cannot find model '%s': the hub has no revision '%s' of it. See %s/tree/main for its branches and tags."
              .formatted(model, model.revisionOrMain(), settings.page(model)));
    }
    if (code.equals("entrynotfound")) {
      return invalid(
          "Cannot find model '%s': %sthe hub does not have it at revision %s. See %s/tree/%s for what is there."
              .formatted(
                  model,
                  what,
                  model.revisionOrMain(),
                  settings.page(model),
                  model.revisionOrMain()));
    }
    int status = answer.status();
    String message = answer.hubHeader("X-Error-Message").orElse("");
    if (status == 401
        && settings.token().isPresent()
        && message.startsWith("Invalid credentials")) {
      return invalid(
          "Cannot download model '%s': the hub does not accept the token in %s. Replace it, or remove it for models that everybody may read."
              .formatted(model, settings.token().get().source()));
    }
    if (code.equals("reponotfound") || status == 404 || (status == 401 && code.isEmpty())) {
      return missing(model);
    }
    String said = message.isEmpty() ? "" : ": " + settings.shown(message).replaceAll("\\.+$", "");
    if (status == 407) {
      return invalid(
          "Cannot download model '%s': the proxy wants a password (status 407). Give it in https_proxy as http://user:password@host:port, and start Java with -Djdk.http.auth.tunneling.disabledSchemes= for Basic authentication."
              .formatted(model));
    }
    if (status == 401 || status == 403) {
      return invalid(
          "Cannot download model '%s': the hub refuses (status %d%s)%s. See %s."
              .formatted(model, status, said, withToken(), settings.page(model)));
    }
    return invalid(
        "Cannot download model '%s': %s%s answers with status %d%s. Check HF_ENDPOINT and the proxy's variables."
            .formatted(model, what, settings.endpoint(), status, said));
  }

  private LongformException gated(HubModel model) {
    String page = settings.page(model);
    return invalid(
        settings.token().isPresent()
            ? "Cannot download model '%s': it is gated, and the account of the token in %s has no access. Accept its terms at %s with that account, and give the token the right to read gated repositories."
                .formatted(model, settings.token().get().source(), page)
            : "Cannot download model '%s': it is gated, and there is no token on this machine. Accept its terms at %s, and set HF_TOKEN to a token of that account (for executors spark.executorEnv.HF_TOKEN)."
                .formatted(model, page));
  }

  // the hub does not say which: that a private model exists is not everybody's business
  private LongformException missing(HubModel model) {
    return invalid(
        "Cannot find model '%s': there is no such local directory, and %s has no such model, or it is private%s. Check the spelling at %s, or give a Hugging Face directory, a .gguf file or an address."
            .formatted(model, settings.endpoint(), withToken(), settings.page(model)));
  }

  private String withToken() {
    Optional<HubToken> token = settings.token();
    return token.isPresent()
        ? " to the account of the token in " + token.get().source()
        : " and there is no token on this machine (HF_TOKEN)";
  }

  static LongformException invalid(String sentence) {
    return new LongformException(ErrorClass.INVALID_MODEL, sentence);
  }

  /** A file or a name that would get out of where it belongs, or is not what was promised. */
  LongformException misbehaved(HubModel model, String what) {
    return invalid(
        "Cannot download model '%s': %s. Check HF_ENDPOINT (%s) and the proxy, or download it with another program and name the directory."
            .formatted(model, settings.shown(what), settings.endpoint()));
  }
}
