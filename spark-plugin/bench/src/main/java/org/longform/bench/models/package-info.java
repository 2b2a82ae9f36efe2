/** Models to measure with: random weights in the shapes of Llama 3.2, made on the spot. */
package org.longform.bench.models;
