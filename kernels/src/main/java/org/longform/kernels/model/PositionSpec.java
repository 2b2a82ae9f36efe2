package org.longform.kernels.model;

import org.longform.kernels.attention.PositionEncoding;

/** How positions act in a layer, for documents of any length. */
public sealed interface PositionSpec permits RopeSpec, AlibiSpec {
  /** How they act in a document of {@code length} tokens. */
  PositionEncoding encoding(long length);
}
