package org.longform.read;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;

/**
 * Where one document's reading leaves how far it is, outside of its process, so that another one
 * can go on after it. It holds one state at most; whoever keeps the answers removes it.
 */
public interface CheckpointPlace {
  /** A document that is read from its beginning whenever it is read. */
  CheckpointPlace NONE =
      new CheckpointPlace() {
        @Override
        public boolean isUsed() {
          return false;
        }

        @Override
        public Optional<InputStream> open() {
          return Optional.empty();
        }

        @Override
        public void replace(Content content) {}
      };

  /** Writes a state. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  /** Whether it is worth the trouble to write to this place. */
  default boolean isUsed() {
    return true;
  }

  /** What was left here last, if anything. */
  Optional<InputStream> open() throws IOException;

  /** Leaves a state in place of the one before: the whole of it or, after a failure, nothing. */
  void replace(Content content) throws IOException;
}
