/**
 * Context strategies: one file each, listed in {@link
 * org.longform.kernels.context.ContextStrategies}.
 */
package org.longform.kernels.context;
