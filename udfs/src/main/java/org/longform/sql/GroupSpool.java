package org.longform.sql;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.SparkEnv;
import org.apache.spark.serializer.SerializerManager;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.TempLocalBlockId;
import scala.Tuple2;

/**
 * Rows that are gone through again: in memory while they are few, then in a file in Spark's local
 * directories, encrypted if Spark's files are. The file has no name once it is open, so it is gone
 * with the process at the latest.
 */
final class GroupSpool implements AutoCloseable {
  /** Bytes of rows that are held in memory. */
  static final int IN_MEMORY = 1 << 20;

  private final int fields;
  private final byte[] transfer = new byte[4096];
  private ByteArrayOutputStream memory = new ByteArrayOutputStream();
  private DataOutputStream out = new DataOutputStream(memory);
  private FileChannel file;
  private BlockId block;
  private boolean written;
  private long count;

  GroupSpool(int fields) {
    this.fields = fields;
  }

  void add(UnsafeRow row) {
    if (written) {
      throw new IllegalStateException("rows cannot be added when they were gone through");
    }
    try {
      if (file == null && memory.size() + row.getSizeInBytes() > IN_MEMORY) {
        moveToFile();
      }
      out.writeInt(row.getSizeInBytes());
      row.writeToStream(out, transfer);
      count++;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void moveToFile() throws IOException {
    SparkEnv env = SparkEnv.get();
    Tuple2<TempLocalBlockId, File> created =
        env.blockManager().diskBlockManager().createTempLocalBlock();
    block = created._1();
    file =
        FileChannel.open(
            created._2().toPath(),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE);
    OutputStream bytes =
        new BufferedOutputStream(Channels.newOutputStream(file), 1 << 16) {
          @Override
          public void close() throws IOException {
            flush(); // the file stays open: it is read next, and then has no name
          }
        };
    out = new DataOutputStream(serializers().wrapStream(block, bytes));
    memory.writeTo(out);
    memory = null;
  }

  private static SerializerManager serializers() {
    return SparkEnv.get().serializerManager();
  }

  /** The rows in the order they were added; each is valid until the next one is asked for. */
  Iterator<UnsafeRow> rows() {
    try {
      return new Rows(new DataInputStream(open()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private InputStream open() throws IOException {
    if (file == null) {
      written = true;
      return new ByteArrayInputStream(memory.toByteArray());
    }
    if (!written) {
      written = true;
      out.close();
    }
    file.position(0);
    InputStream bytes = new BufferedInputStream(Channels.newInputStream(file), 1 << 16);
    return serializers().wrapStream(block, bytes);
  }

  @Override
  public void close() {
    memory = null;
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private final class Rows implements Iterator<UnsafeRow> {
    private final DataInputStream in;
    private final UnsafeRow row = new UnsafeRow(fields);
    private byte[] bytes = new byte[0];

    private long given;

    Rows(DataInputStream in) {
      this.in = in;
    }

    @Override
    public boolean hasNext() {
      return given < count;
    }

    @Override
    public UnsafeRow next() {
      if (!hasNext()) {
        throw new NoSuchElementException("there are no more rows");
      }
      try {
        int size = in.readInt();
        if (bytes.length < size) {
          bytes = new byte[size];
        }
        in.readFully(bytes, 0, size);
        row.pointTo(bytes, size);
        given++;
        return row;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
