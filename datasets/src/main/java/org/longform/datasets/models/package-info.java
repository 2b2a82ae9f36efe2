/** The small models which travel inside the jar, so that examples and tests need no download. */
package org.longform.datasets.models;
