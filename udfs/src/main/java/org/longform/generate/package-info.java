/** How tokens come out: sampling, stop texts, the reason an answer ended. */
package org.longform.generate;
