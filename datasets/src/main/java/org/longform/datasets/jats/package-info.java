/**
 * Reads scientific articles in JATS and its ancestor NLM XML, as PubMed Central, PLOS, eLife and
 * BMC publish them.
 *
 * <p>Streaming, without DTDs and without access to anything but the given stream. Element rules
 * follow the JATS Archiving and Interchange tag set, versions 1.0 to 1.3, and NLM 2.0 to 3.0.
 */
package org.longform.datasets.jats;
