package org.longform.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file while it arrives: bytes are added at its end, and checked as they come. It never grows
 * larger than it may.
 */
final class PartialFile implements AutoCloseable {
  private static final Pattern RANGE =
      Pattern.compile("bytes (\\d{1,18})-\\d{1,18}/(\\d{1,18}|\\*)");
  private static final int PARTIAL_CONTENT = 206;
  private static final int WHOLE_CONTENT = 200;

  private final HubFile file;
  private final LongConsumer onBytes;
  private final FileChannel channel;
  private ContentCheck check;
  private long bytes;

  /**
   * @param path continued if it is there
   * @param onBytes told how many bytes are there, whenever some arrived
   */
  PartialFile(Path path, HubFile file, LongConsumer onBytes) throws IOException {
    this.file = file;
    this.onBytes = onBytes;
    this.check = new ContentCheck(file);
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
        && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException("%s is no file".formatted(path));
    }
    this.channel =
        FileChannel.open(
            path,
            Set.<OpenOption>of(
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                // a link could lead to a file that is none of ours
                LinkOption.NOFOLLOW_LINKS));
    try {
      if (channel.size() > file.bytes()) {
        channel.truncate(0);
      }
      readAgain();
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private void readAgain() throws IOException {
    bytes = channel.size();
    channel.position(0);
    check.update(open(channel));
    channel.position(bytes);
  }

  // closing the stream would close the channel
  @SuppressWarnings("resource")
  private static InputStream open(SeekableByteChannel channel) {
    return Channels.newInputStream(channel);
  }

  synchronized long bytes() {
    return bytes;
  }

  synchronized boolean isWhole() {
    return bytes == file.bytes();
  }

  /** What is wrong with the whole file, if anything; to be called once. */
  synchronized Optional<String> problem() throws IOException {
    channel.force(true);
    return check.problem();
  }

  synchronized void startAgain() throws IOException {
    channel.truncate(0);
    channel.position(0);
    check = new ContentCheck(file);
    bytes = 0;
  }

  /** One answer that brings bytes. When it is closed, what still comes of it is not taken. */
  final class Attempt implements BodyTaker, AutoCloseable {
    private boolean taking;
    private boolean closed;

    @Override
    public void begin(int status, HttpHeaders headers) throws IOException {
      synchronized (PartialFile.this) {
        taking = status == WHOLE_CONTENT || status == PARTIAL_CONTENT;
        if (taking) {
          place(status, headers);
        }
      }
    }

    @Override
    public void accept(ByteBuffer part) throws IOException {
      synchronized (PartialFile.this) {
        if (closed) {
          throw new IOException("nobody waits for it any more");
        }
        if (taking) { // else it is the text of a refusal
          append(part);
        }
      }
    }

    @Override
    public void close() {
      synchronized (PartialFile.this) {
        closed = true;
      }
    }
  }

  Attempt attempt() {
    return new Attempt();
  }

  /** Where the bytes of an answer belong. */
  private void place(int status, HttpHeaders headers) throws IOException {
    if (status == WHOLE_CONTENT) {
      requireSize(HubAnswer.number(headers.firstValue("Content-Length")).orElse(file.bytes()));
      if (bytes > 0) {
        startAgain(); // it does not continue files
      }
      return;
    }
    Matcher range = RANGE.matcher(headers.firstValue("Content-Range").orElse(""));
    if (!range.matches() || Long.parseLong(range.group(1)) != bytes) {
      throw new HubMisbehaved(
          "file %s: another part came than was asked for".formatted(file.name()));
    }
    if (!range.group(2).equals("*")) {
      requireSize(Long.parseLong(range.group(2)));
    }
  }

  private void requireSize(long told) throws HubMisbehaved {
    if (told != file.bytes()) {
      throw new HubMisbehaved(
          "file %s: it has %,d bytes where it comes from, and %,d by the hub's description"
              .formatted(file.name(), told, file.bytes()));
    }
  }

  private void append(ByteBuffer part) throws IOException {
    if (part.remaining() > file.bytes() - bytes) {
      throw new HubMisbehaved(
          "file %s: more came than the %,d bytes of the hub's description"
              .formatted(file.name(), file.bytes()));
    }
    check.update(part);
    while (part.hasRemaining()) {
      bytes += channel.write(part);
    }
    onBytes.accept(bytes);
  }

  @Override
  public synchronized void close() throws IOException {
    channel.close();
  }
}
