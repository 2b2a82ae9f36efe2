/** Models as users name them: found, identified, loaded once. */
package org.longform.models;
