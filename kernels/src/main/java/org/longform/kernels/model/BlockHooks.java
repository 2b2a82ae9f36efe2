package org.longform.kernels.model;

/**
 * What happens to the rows of a block beside their way through the layers.
 *
 * @param embeddings changes them before the first layer
 * @param exportLayer so many layers are behind the rows that are exported; {@link #NO_EXPORT}
 */
record BlockHooks(InputEmbeddings embeddings, int exportLayer) {
  static final int NO_EXPORT = -1;
  static final BlockHooks NONE = new BlockHooks(InputEmbeddings.NONE, NO_EXPORT);

  boolean exports(int layersBehind) {
    return exportLayer == layersBehind;
  }
}
