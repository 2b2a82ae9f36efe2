package org.longform.models;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.longform.hub.Hub;
import org.longform.hub.HubModel;
import org.longform.hub.HubSettings;

/** The hubs of this process: usually one. */
final class HubModels {
  private final Map<HubSettings, Hub> hubs = new ConcurrentHashMap<>();
  private volatile UnaryOperator<String> pinning;

  /**
   * Lets somebody else say which commit a name means.
   *
   * @param names from a name to one with a commit; null to ask the hub from here
   */
  void pinBy(UnaryOperator<String> names) {
    this.pinning = names;
  }

  HubModel pin(HubModel model, ModelPlaces places) {
    UnaryOperator<String> elsewhere = pinning;
    return elsewhere == null || model.isPinned()
        ? hub(places).pin(model)
        : HubModel.of(elsewhere.apply(model.uri())).orElseThrow();
  }

  Path fetch(HubModel pinned, ModelPlaces places) {
    return hub(places).fetch(pinned);
  }

  private Hub hub(ModelPlaces places) {
    return hubs.computeIfAbsent(places.hub(), Hub::new);
  }
}
