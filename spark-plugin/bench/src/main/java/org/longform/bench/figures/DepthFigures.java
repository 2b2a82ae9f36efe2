package org.longform.bench.figures;

import java.util.List;
import org.longform.bench.Settings;
import org.longform.bench.engines.Engine;
import org.longform.bench.engines.Engine.Work;
import org.longform.bench.engines.Longform;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;

/** Writing behind a long cache with full attention. */
final class DepthFigures implements Measurement {
  private static final int DECODED = 32;

  @Override
  public String name() {
    return "depth";
  }

  @Override
  public String description() {
    return "full attention: decode behind 8k and 32k tokens";
  }

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    String model = settings.longShape().name() + " " + settings.longType();
    double bytesPerToken;
    try (Longform ours =
        Longform.open(settings.longModel(), settings.device(), settings.threads())) {
      bytesPerToken = ours.cachedBytesPerToken();
    }
    List<Engine.Opener> peers = settings.peers();
    for (int i = 0; i < settings.depths().size(); i++) {
      int depth = settings.depths().get(i);
      Run.Compared decode =
          run.compare(
              settings.longModel(), Work.decode(depth, DECODED), peers, 1, settings.repetitions());
      // to read a depth takes a peer many minutes: its better setting goes on alone
      String best = decode.bestPeer().orElse("");
      peers = peers.stream().filter(peer -> peer.name().equals(best)).toList();
      report.add(
          Figure.against(
              "full: decode at depth %d, %s".formatted(depth, model),
              "tokens/s",
              decode.ours(),
              decode.peers(),
              Target.ratio(i == 0 ? 1.5 : 2, Double.NaN),
              "our cache is filled with block-local attention: a step costs the same whatever the keys are; "
                  + "the peer reads its depth, untimed; one turn each, of a peer's settings only the better one goes on to the next depth"));
      double bytes =
          decode.ours()
              * (settings.longShape().decodedBytes(settings.longType()) + bytesPerToken * depth)
              / 1e9;
      report.add(
          Figure.valued(
              "  weights and cache read at depth " + depth,
              "GB/s",
              bytes,
              bytes / run.roofline().at(settings.threads()).gbytes(),
              Target.share(Double.NaN, 0.8),
              "share of the measured read bandwidth"));
    }
  }
}
