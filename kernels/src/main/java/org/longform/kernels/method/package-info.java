/**
 * What every method of the field tells about itself, whichever list it stands in: context, reading
 * and decoding strategies, weight transforms. The page STRATEGIES.md is written from it.
 */
package org.longform.kernels.method;
