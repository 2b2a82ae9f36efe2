/** Plain scalar Java: the oracle. */
package org.longform.kernels.device.reference;
