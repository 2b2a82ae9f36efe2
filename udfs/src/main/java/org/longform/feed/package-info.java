/**
 * How a document is fed: the ways in which its tokens and those of a question come into a session.
 * One file each, listed in {@link org.longform.feed.ReadingStrategies}. Tokens come in, a session
 * comes out; prompts, answers and options are not known here.
 */
package org.longform.feed;
