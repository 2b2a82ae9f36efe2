/** Off-heap, explicitly owned arrays. Slices own nothing. */
package org.longform.kernels.tensor;
