/** The table that {@code ci/bench} prints: figures, their targets, how they are written. */
package org.longform.bench.table;
