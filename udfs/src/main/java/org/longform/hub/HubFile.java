package org.longform.hub;

/**
 * A file of a model at one commit.
 *
 * @param name maybe with directories
 * @param etag what the hub calls the content, and the cache its blob: the sha256 of a large file,
 *     the git hash of a small one
 */
record HubFile(String name, String etag, long bytes) {}
