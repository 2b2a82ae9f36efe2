package org.longform.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings one file from the hub to the disk, over as many connections as it takes. */
final class HubDownload {
  private static final Logger LOG = LoggerFactory.getLogger(HubDownload.class);
  // who sends less before each cut would be asked forever
  private static final long WORTH_A_CONNECTION = 64L << 10;
  private static final int RANGE_NOT_SATISFIABLE = 416;

  private final HubClient client;
  private final HubModel model;

  HubDownload(HubClient client, HubModel model) {
    this.client = client;
    this.model = model;
  }

  /**
   * @param partial what is there of it already is continued
   * @param target appears when it is whole and its content is right
   * @param onBytes told how many bytes of the file are there
   */
  void run(HubFile file, Path partial, Path target, LongConsumer onBytes)
      throws IOException, InterruptedException {
    boolean again = false;
    while (true) {
      Optional<String> problem;
      try (PartialFile arriving = new PartialFile(partial, file, onBytes)) {
        fill(arriving, file);
        problem = arriving.problem();
      }
      if (problem.isEmpty()) {
        if (!new ContentCheck(file).isPossible()) {
          LOG.warn("The hub names no checksum of file {} of model {}.", file.name(), model);
        }
        Files.move(
            partial, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return;
      }
      Files.delete(partial);
      String what = "file %s: %s".formatted(file.name(), problem.get());
      if (again) {
        throw new HubMisbehaved(what);
      }
      // an old part may have been damaged, or be of another program
      LOG.warn("Downloading again: {}.", what);
      again = true;
    }
  }

  private void fill(PartialFile arriving, HubFile file) throws IOException, InterruptedException {
    Patience patience = client.patience("file " + file.name());
    while (!arriving.isWhole()) {
      long before = arriving.bytes();
      HubAnswer answer = null;
      IOException failure = null;
      try (PartialFile.Attempt attempt = arriving.attempt()) {
        answer = client.bytes(model, file, before, attempt);
      } catch (HubMisbehaved e) {
        throw e;
      } catch (IOException e) {
        failure = e;
      }
      if (arriving.bytes() - before >= WORTH_A_CONNECTION) {
        patience.progressed();
      }
      if (failure != null) {
        patience.afterFailure(failure);
      } else if (answer.status() == RANGE_NOT_SATISFIABLE && before > 0) {
        arriving.startAgain();
        patience.afterStatus(answer);
      } else if (Patience.isPassing(answer.status())) {
        patience.afterStatus(answer);
      } else if (!answer.isGood()) {
        throw client.refusals().of(model, "file %s: ".formatted(file.name()), answer);
      } else if (!arriving.isWhole()) {
        // without a length in its headers a cut body looks like a whole one
        patience.afterFailure(new IOException("the connection ended early"));
      }
    }
  }
}
