/** NVIDIA cards: weights lie there, products, attention and the search for keys are done there. */
package org.longform.kernels.device.cuda;
