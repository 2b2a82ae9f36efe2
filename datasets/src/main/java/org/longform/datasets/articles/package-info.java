/**
 * Endless synthetic scientific articles in plain English, with addressable facts and gold answers.
 *
 * <p>The text follows from the seed alone and equals, byte for byte, that of the Python generator
 * the bundled model was trained with, so figures measured here compare with those of its model
 * card.
 */
package org.longform.datasets.articles;
