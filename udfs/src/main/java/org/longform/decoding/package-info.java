/**
 * How tokens come out: the decoding strategies, which guess what follows so that a model reads
 * several tokens at once.
 */
package org.longform.decoding;
