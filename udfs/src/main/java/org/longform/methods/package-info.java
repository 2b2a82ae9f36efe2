/** All methods that users can choose, in one list of lists, and the page about them. */
package org.longform.methods;
