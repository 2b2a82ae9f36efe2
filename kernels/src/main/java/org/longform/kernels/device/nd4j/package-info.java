/**
 * The portable device: ND4J arrays for the weights and ND4J's BLAS for every product, with plain
 * Java loops between them.
 */
package org.longform.kernels.device.nd4j;
