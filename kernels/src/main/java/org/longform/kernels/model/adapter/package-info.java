/** Low-rank adapters (LoRA), added to the weights they were trained for. */
package org.longform.kernels.model.adapter;
