/**
 * Checkpoints whose matrices are stored in fewer bits, each format's way: one file for each format,
 * one line in the list.
 */
package org.longform.kernels.weights.checkpoint;
