/**
 * What {@code ci/bench} runs: figures of whole models, of operations, and of a peer beside them.
 */
package org.longform.bench;
