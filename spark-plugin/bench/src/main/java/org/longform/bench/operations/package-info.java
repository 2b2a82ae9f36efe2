/**
 * JMH benchmarks of single operations. {@code ci/bench jmh} runs them all, {@code ci/bench jmh
 * Matmul} one class; JMH's own options follow.
 */
package org.longform.bench.operations;
