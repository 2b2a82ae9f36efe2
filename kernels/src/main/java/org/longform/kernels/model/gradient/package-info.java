/** Derivatives of a decoder's loss by its weights, in float64: slow, clear, for a few tokens. */
package org.longform.kernels.model.gradient;
