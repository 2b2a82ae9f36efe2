/** Devices and the numeric operations that each of them provides. */
package org.longform.kernels.device;
