/**
 * Append-only un-rotated keys and values of one document: paged, with fork, truncate and retain.
 */
package org.longform.kernels.cache;
