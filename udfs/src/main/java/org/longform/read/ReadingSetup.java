package org.longform.read;

import org.longform.kernels.cache.KvMemory;
import org.longform.kernels.context.ContextChoice;
import org.longform.models.FurtherModels;
import org.longform.models.LoadedModel;

/**
 * What all readings with one model and the same options share.
 *
 * @param model that reads and writes
 * @param context how it attends
 * @param furtherModels for decoding strategies that have a second model
 * @param kvMemory for keys and values
 */
record ReadingSetup(
    LoadedModel model,
    ContextChoice context,
    FurtherModels furtherModels,
    KvMemory kvMemory,
    ReadCounters counters) {}
