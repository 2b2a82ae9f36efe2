/** Programs that read and write tokens with a model file: Longform, and its peers. */
package org.longform.bench.engines;
