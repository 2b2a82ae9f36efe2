package org.longform.models;

import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.longform.datasets.models.BundledModels;
import org.longform.hub.HubModel;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Which models a query may name. Reading a model opens files with the rights of the process, which
 * may be more than its user has.
 */
public final class AllowedModels {
  // of a user, but not the port of a host
  private static final String PASSWORD =
      "(?i)(://[^/@:]+:)(?!\\d+/)[^@]+(@)|([?&](?:sig|token|key|secret)[^=]*=)[^&]*";

  private static final String ORGANISATION = HubModel.SCHEME + "[A-Za-z0-9_.-]+/*";

  private AllowedModels() {}

  /**
   * What an owner allows, as another process may compare with it: see {@link
   * ModelLocation#portable}.
   *
   * @throws LongformException INVALID_OPTION for a branch or tag of the hub
   */
  public static String portable(String root) {
    if (root.matches(ORGANISATION)) {
      return root;
    }
    Optional<HubModel> ofHub = ModelLocation.ofHub(root);
    if (ofHub.isPresent() && ofHub.get().revision().isPresent() && !ofHub.get().isPinned()) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot allow model '%s': a branch or a tag may become anything. Name the repository or one of its commits in spark.longform.allowedModelPaths."
              .formatted(root));
    }
    return ModelLocation.portable(root);
  }

  /** As {@link #portable}, for the application's own model: of a branch every commit will do. */
  public static String portableOwn(String model) {
    return ModelLocation.ofHub(model)
        .filter(each -> !each.isPinned())
        .map(each -> new HubModel(each.id(), Optional.empty(), each.file()).uri())
        .orElseGet(() -> ModelLocation.portable(model));
  }

  /**
   * @param allowed directories, files, URIs and names of the hub under which models may lie; empty
   *     if any will do
   * @throws LongformException INVALID_OPTION
   */
  static void require(String name, Optional<List<String>> allowed) {
    String shown = redacted(name);
    if (!shown.equals(name)) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use model '%s': its address has a password in it, which logs and tables would show. Give credentials in the Hadoop configuration."
              .formatted(shown));
    }
    if (allowed.isPresent()
        && !BundledModels.names().contains(name)
        && allowed.get().stream().noneMatch(root -> isUnder(name, root))) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use model '%s': this application allows only its own model, bundled ones (%s) and those under spark.longform.allowedModelPaths. Ask who runs it to add the path when it starts."
              .formatted(name, String.join(", ", BundledModels.names())));
    }
  }

  /** The name without passwords. */
  static String redacted(String name) {
    return name.replaceAll(PASSWORD, "$1$3***$2");
  }

  private static boolean isUnder(String name, String root) {
    Optional<HubModel> ofHub = ModelLocation.ofHub(name);
    if (ofHub.isPresent() || isOfHub(root)) {
      return ofHub.isPresent() && isOfHub(root) && isCovered(ofHub.get(), root);
    }
    if (ModelLocations.isRemote(name) != ModelLocations.isRemote(root)) {
      return false;
    }
    if (!ModelLocations.isRemote(name)) {
      return ModelLocation.real(name).startsWith(ModelLocation.real(root));
    }
    String path = normal(name);
    String above = normal(root);
    return !path.contains("/../") && (path + "/").startsWith(above + "/");
  }

  private static boolean isOfHub(String root) {
    return root.matches(ORGANISATION) || ModelLocation.ofHub(root).isPresent();
  }

  /** By an organisation, a repository, or one commit or file of it. */
  private static boolean isCovered(HubModel model, String root) {
    if (root.matches(ORGANISATION)) {
      return (HubModel.SCHEME + model.id()).startsWith(root.replaceAll("/+$", "") + "/");
    }
    HubModel above = ModelLocation.ofHub(root).orElseThrow();
    // which commit a branch is now is known, and asked again here, when it is pinned
    boolean sameRevision =
        above.revision().isEmpty()
            || !model.isPinned()
            || above.revision().equals(model.revision());
    boolean sameFile =
        above.file().isEmpty() || !model.isPinned() || above.file().equals(model.file());
    return above.id().equals(model.id()) && sameRevision && sameFile;
  }

  private static String normal(String uri) {
    try {
      String plain = URI.create(uri.replaceAll("(?<!:)/{2,}", "/")).normalize().toString();
      return plain.replaceAll("/+$", "");
    } catch (IllegalArgumentException e) {
      throw new LongformException(
          ErrorClass.INVALID_OPTION,
          "Cannot use model '%s': it is no URI (%s). Escape its special characters."
              .formatted(uri, e.getMessage()),
          e);
    }
  }
}
