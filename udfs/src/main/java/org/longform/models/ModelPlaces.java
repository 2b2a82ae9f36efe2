package org.longform.models;

import java.util.List;
import java.util.Optional;
import org.longform.hub.HubSettings;
import org.longform.options.ModelOptions;
import org.longform.options.Options;

/**
 * Where models may come from, and where their copies go.
 *
 * @param cache directory of the copies, if the user set one
 * @param allowed see {@link AllowedModels}
 * @param hubEndpoint the hub, if the application names another than the environment
 * @param hubOffline whether only the hub's cache may be used, if the application says so
 */
public record ModelPlaces(
    Optional<String> cache,
    Optional<List<String>> allowed,
    Optional<String> hubEndpoint,
    Optional<Boolean> hubOffline) {
  /** Anywhere, and as the environment says. */
  public static final ModelPlaces ANY =
      new ModelPlaces(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

  public static ModelPlaces of(Options options) {
    return new ModelPlaces(
        options.find(ModelOptions.MODEL_CACHE),
        options.find(ModelOptions.ALLOWED_MODEL_PATHS),
        options.find(ModelOptions.HUB_ENDPOINT),
        options.find(ModelOptions.HUB_OFFLINE));
  }

  HubSettings hub() {
    return HubSettings.of(System.getenv(), new HubSettings.Given(hubEndpoint, hubOffline, cache));
  }
}
