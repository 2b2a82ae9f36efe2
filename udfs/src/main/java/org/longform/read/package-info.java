/** How a document is fed to the model, and what comes back. */
package org.longform.read;
