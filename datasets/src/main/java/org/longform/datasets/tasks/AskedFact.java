package org.longform.datasets.tasks;

import org.longform.datasets.articles.Fact;

/**
 * A fact asked about an article.
 *
 * @param depth the depth that was wished, 0 at the beginning and 1 at the end; {@code fact.start()}
 *     gives the true one
 * @param fact the one sentence which answers, stated once
 */
public record AskedFact(double depth, Fact fact) {}
