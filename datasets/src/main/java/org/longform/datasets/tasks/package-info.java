/**
 * Evaluation tasks and corpora made of synthetic articles: facts asked at given depths, main
 * findings, texts for perplexity. The articles and questions are those of the tables in the model
 * card.
 */
package org.longform.datasets.tasks;
