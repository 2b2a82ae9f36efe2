package org.longform.models;

import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.longform.datasets.models.BundledModels;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;

/**
 * Which models a query may name. Reading a model opens files with the rights of the process, which
 * may be more than its user has.
 */
final class AllowedModels {
  // of a user, but not the port of a host
  private static final String PASSWORD =
      "(?i)(://[^/@:]+:)(?!\\d+/)[^@]+(@)|([?&](?:sig|token|key|secret)[^=]*=)[^&]*";

  private AllowedModels() {}

  /**
   * @param allowed directories, files and URIs under which models may lie; empty if any will do
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
