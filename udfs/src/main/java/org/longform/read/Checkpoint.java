package org.longform.read;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;
import org.longform.kernels.error.ErrorClass;
import org.longform.kernels.error.LongformException;
import org.longform.kernels.model.Session;

/**
 * How far a document was read: a header that says of what, the session, a checksum. All numbers are
 * big-endian; what is read may come from anywhere.
 *
 * @param documentTokens tokens of the document that the session took
 * @param surpriseSum of the tokens scored so far
 * @param scoredTokens number of tokens scored so far
 */
record Checkpoint(Identity identity, long documentTokens, double surpriseSum, long scoredTokens) {
  private static final long MAGIC = 0x4c6f6e67666f726dL; // "Longform"
  private static final int VERSION = 1;
  private static final int BUFFER = 1 << 16;

  /**
   * What must be the same for a reading to go on.
   *
   * @param method hash of all that decides how the document is read
   * @param rowKey of the document
   */
  record Identity(String modelRevision, String method, String rowKey) {}

  /** Opens a session from its saved state. */
  interface Opener {
    Session open(DataInput in) throws IOException;
  }

  /** A session that goes on, and what it has behind it. */
  record Resumed(Checkpoint checkpoint, Session session) {}

  void write(Session session, OutputStream to) throws IOException {
    CheckedOutputStream checked =
        new CheckedOutputStream(new BufferedOutputStream(to, BUFFER), new CRC32C());
    DataOutputStream out = new DataOutputStream(checked);
    out.writeLong(MAGIC);
    out.writeInt(VERSION);
    out.writeUTF(identity.modelRevision);
    out.writeUTF(identity.method);
    out.writeUTF(identity.rowKey);
    out.writeLong(documentTokens);
    out.writeDouble(surpriseSum);
    out.writeLong(scoredTokens);
    session.save(out);
    out.writeLong(checked.getChecksum().getValue());
    out.flush();
  }

  /**
   * @param prefixTokens tokens before the document
   * @throws LongformException INVALID_INPUT if it is of something else, or damaged
   * @throws IOException if it ends early
   */
  static Resumed read(InputStream from, Identity wanted, long prefixTokens, Opener opener)
      throws IOException {
    CheckedInputStream checked =
        new CheckedInputStream(new BufferedInputStream(from, BUFFER), new CRC32C());
    DataInputStream in = new DataInputStream(checked);
    require(in.readLong() == MAGIC, "it is none");
    int version = in.readInt();
    require(version == VERSION, "its version is %d, not %d", version, VERSION);
    Identity found = new Identity(in.readUTF(), in.readUTF(), in.readUTF());
    require(found.equals(wanted), "it is of %s, not of %s", found, wanted);
    Checkpoint checkpoint = new Checkpoint(found, in.readLong(), in.readDouble(), in.readLong());
    Session session = opener.open(in);
    try {
      long taken = session.length() + session.pendingTokens();
      require(
          taken == prefixTokens + checkpoint.documentTokens,
          "it has %d tokens of the document and %d before it, but its session has %d",
          checkpoint.documentTokens,
          prefixTokens,
          taken);
      long computed = checked.getChecksum().getValue();
      require(in.readLong() == computed, "its checksum is wrong");
      return new Resumed(checkpoint, session);
    } catch (Throwable e) {
      session.close();
      throw e;
    }
  }

  private static void require(boolean met, String why, Object... values) {
    if (!met) {
      throw new LongformException(
          ErrorClass.INVALID_INPUT,
          "Cannot go on from the checkpoint: %s. The document is read from its beginning."
              .formatted(why.formatted(values)));
    }
  }
}
