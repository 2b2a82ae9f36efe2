package org.longform.kernels.model;

import java.util.Map;
import java.util.Set;

/**
 * How checkpoints that see as well as read hold a model of a family as their text part: described
 * by {@code text_config} in their {@code config.json}.
 *
 * @param architectures what {@code architectures} calls such a checkpoint
 * @param defaults what a key means that {@code text_config} leaves out, by the published
 *     configuration class of the text part; where null means the same, none
 */
public record MultimodalForm(Set<String> architectures, Map<String, Object> defaults) {
  public MultimodalForm {
    architectures = Set.copyOf(architectures);
    defaults = Map.copyOf(defaults);
  }
}
