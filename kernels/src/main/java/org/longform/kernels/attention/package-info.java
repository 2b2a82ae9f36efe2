/** Attention as plain data: segments of cached tokens, their positions and bands. */
package org.longform.kernels.attention;
