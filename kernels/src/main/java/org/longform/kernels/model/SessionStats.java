package org.longform.kernels.model;

/**
 * What a session has done so far. A fork counts from zero; the bytes are those it holds itself,
 * pages shared with other sessions included.
 *
 * @param prefilledTokens tokens read by feed, flush and ask
 * @param decodedTokens generated tokens that were read
 * @param decodeSteps in so many steps; fewer than the tokens where guesses were right
 * @param attendedTokens for each block the cached tokens that its plan selects, in the layer that
 *     selects most, summed over blocks; a token in several segments counts in each, but a block
 *     never counts more than the document's length so far
 * @param kvBytes bytes of keys and values in memory now
 * @param peakKvBytes largest value of kvBytes so far
 * @param kvDiskBytes bytes of keys and values on disk now
 * @param peakKvDiskBytes largest value of kvDiskBytes so far
 * @param kvPinnedBytes bytes of keys and values in pinned memory of the host now
 */
public record SessionStats(
    long prefilledTokens,
    long decodedTokens,
    long decodeSteps,
    long attendedTokens,
    long kvBytes,
    long peakKvBytes,
    long kvDiskBytes,
    long peakKvDiskBytes,
    long kvPinnedBytes) {}
