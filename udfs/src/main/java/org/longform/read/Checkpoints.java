package org.longform.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Session;
import org.longform.options.AllOptions;
import org.longform.options.ModelOptions;
import org.longform.options.Options;
import org.longform.options.RecoveryOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Leaves, now and then, how far a reading is. That it cannot be written or read is no reason for
 * the reading to fail.
 */
final class Checkpoints {
  private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);

  /**
   * How often to write.
   *
   * @param everyTokens 0 for never
   * @param rest read on for so many times what the last writing took, at least
   */
  record Pace(long everyTokens, long rest) {
    static final Pace NEVER = new Pace(0, 0);

    /** Who says a number gets that; else checkpoints may take a hundredth of the time. */
    static Pace of(Options options) {
      long rest = options.isSet(RecoveryOptions.CHECKPOINT_TOKENS) ? 0 : 100;
      return new Pace(options.get(RecoveryOptions.CHECKPOINT_TOKENS), rest);
    }
  }

  private final CheckpointPlace place;
  private final Checkpoint.Identity identity;
  private final Pace pace;
  private final LongSupplier clock;
  private long lastAt;
  private long restUntil;

  /**
   * @param clock nanoseconds
   */
  Checkpoints(CheckpointPlace place, Checkpoint.Identity identity, Pace pace, LongSupplier clock) {
    this.place = place;
    this.identity = identity;
    this.pace = pace;
    this.clock = clock;
    this.restUntil = clock.getAsLong();
  }

  /**
   * A hash of all that decides how a document is read, apart from the document and the model.
   *
   * @param prefix tokens before the document
   */
  static String method(Ask first, int[] prefix) {
    ReadingKey key = ReadingKey.of(first);
    Map<String, String> options = new TreeMap<>(key.options());
    options.keySet().removeAll(AllOptions.OF_THE_RUN);
    // their revision tells them from others
    options.remove(ModelOptions.MODEL.sqlKey());
    options.remove(ModelOptions.ADAPTER.sqlKey());
    String all = options + " " + key.scoring() + " " + Arrays.toString(prefix);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(all.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** The session that another process left, if there is one that can be used. */
  Optional<Checkpoint.Resumed> resume(long prefixTokens, Checkpoint.Opener opener) {
    if (pace.everyTokens == 0) {
      return Optional.empty();
    }
    try {
      Optional<InputStream> left = place.open();
      if (left.isEmpty()) {
        return Optional.empty();
      }
      try (InputStream in = left.get()) {
        Checkpoint.Resumed resumed = Checkpoint.read(in, identity, prefixTokens, opener);
        lastAt = resumed.checkpoint().documentTokens();
        LOG.info("Go on with document {} at token {}.", identity.rowKey(), lastAt);
        return Optional.of(resumed);
      }
    } catch (IOException | LongformException e) {
      LOG.warn("Read document {} from its beginning: {}", identity.rowKey(), e.toString());
      return Optional.empty();
    }
  }

  /** Writes a checkpoint if it is time. */
  void reached(long documentTokens, Surprise surprise, Session session) {
    long now = clock.getAsLong();
    if (pace.everyTokens == 0
        || documentTokens - lastAt < pace.everyTokens
        || now - restUntil < 0) {
      return;
    }
    lastAt = documentTokens;
    try {
      Checkpoint checkpoint =
          new Checkpoint(identity, documentTokens, surprise.sum(), surprise.tokens());
      place.replace(out -> checkpoint.write(session, out));
    } catch (IOException e) {
      LOG.warn("Go on without a checkpoint of document {}: {}", identity.rowKey(), e.toString());
    }
    long ended = clock.getAsLong();
    restUntil = ended + pace.rest * (ended - now);
  }
}
