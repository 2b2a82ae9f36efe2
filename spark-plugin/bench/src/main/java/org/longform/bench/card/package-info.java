/**
 * A long document with a large model on one device, beside what its memory and its matrix units
 * allow. Needs no Spark: {@code ci/gpu} runs it where there is a card and little else.
 */
package org.longform.bench.card;
