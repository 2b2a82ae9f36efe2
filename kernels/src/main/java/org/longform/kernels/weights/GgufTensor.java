package org.longform.kernels.weights;

import org.longform.kernels.tensor.Shape;

/**
 * A tensor as a GGUF header tells it.
 *
 * @param begin its first byte in the file
 */
record GgufTensor(String name, GgmlType type, Shape shape, long begin, long bytes) {}
