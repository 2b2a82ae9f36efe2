/**
 * Models of the Hugging Face hub: named, pinned to a commit, downloaded into the hub's own cache
 * layout, which other programs of the machine share.
 */
package org.longform.hub;
