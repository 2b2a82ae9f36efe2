/**
 * What a comparison of strategies found, and how it is shown: as text, as one page that needs
 * nothing but itself, and as charts. Nothing here reads documents.
 */
package org.longform.spark.compare;
