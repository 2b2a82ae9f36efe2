/** The one exception of the product and its classes of error. */
package org.longform.kernels.error;
