/** The decoder, its families, and sessions: one document being read by a loaded model. */
package org.longform.kernels.model;
