/** One loaded model per process, shared by all its tasks. */
package org.longform.runtime;
