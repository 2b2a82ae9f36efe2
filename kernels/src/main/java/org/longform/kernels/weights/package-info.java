/** Model files: checked, memory-mapped, read as tensors. */
package org.longform.kernels.weights;
