/**
 * Jinja templates, rendered as Jinja2 does it in Python with the settings of Transformers.
 *
 * <p>The Jinja library of the build splits a template into its tree of texts, expressions and tags.
 * What these mean is written here, because that library follows Java where it differs from Python
 * (truth, {@code not a is b}, {@code for ... if ... else}, undefined names, how values are
 * written), and because it calls methods of Java objects by their names. Here a template has
 * numbers, texts, lists and dictionaries, the functions of four lists, and nothing else.
 */
package org.longform.prompt.jinja;
