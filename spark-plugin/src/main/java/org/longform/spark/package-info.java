/** The Spark plugin: how Longform enters an application and leaves it. */
package org.longform.spark;
