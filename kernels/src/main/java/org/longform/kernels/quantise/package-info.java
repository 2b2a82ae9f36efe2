/** Offline quantisation of weights: one file for each method, one line in the list. */
package org.longform.kernels.quantise;
