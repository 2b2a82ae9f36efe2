/** Removes attention heads and feed-forward channels that matter least (LLM-Pruner). */
package org.longform.kernels.model.prune;
