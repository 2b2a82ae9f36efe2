/** The processor through native kernels with vector instructions: the default device. */
package org.longform.kernels.device.cpu;
