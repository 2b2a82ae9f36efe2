package org.longform.datasets.jats;

import java.util.OptionalInt;

/**
 * What the front matter says about an article. Texts are empty where the file says nothing.
 *
 * @param docId the first there is of DOI, PMC id, publisher's id, PubMed id, and name of the source
 * @param doi without a resolver's address
 * @param articleType such as "research-article"
 * @param title without footnote marks
 * @param journal full title of the journal
 * @param year earliest year of publication
 * @param licence statement of the licence
 * @param licenceUrl address of the licence
 */
public record JatsMetadata(
    String docId,
    String doi,
    String articleType,
    String title,
    String journal,
    OptionalInt year,
    String licence,
    String licenceUrl) {}
