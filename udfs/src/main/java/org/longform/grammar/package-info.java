/**
 * What a model may write: grammars over bytes, and their automata over the tokens of a vocabulary.
 */
package org.longform.grammar;
