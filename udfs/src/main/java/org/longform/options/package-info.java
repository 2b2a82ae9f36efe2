/**
 * Every option of the product, declared once. Spark configuration keys, SQL option maps, command
 * line flags, ML parameter names and the configuration page are derived from the declaration.
 */
package org.longform.options;
