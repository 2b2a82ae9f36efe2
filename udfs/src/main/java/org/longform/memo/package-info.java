/** What is kept to be found again. */
package org.longform.memo;
