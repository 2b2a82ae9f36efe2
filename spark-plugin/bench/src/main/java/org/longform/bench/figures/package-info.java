/** What is measured; one file each, one line in {@link org.longform.bench.figures.Figures}. */
package org.longform.bench.figures;
