package org.longform.bench.figures;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.longform.bench.Settings;
import org.longform.bench.engines.Engine;
import org.longform.bench.engines.Engine.Work;
import org.longform.bench.engines.Longform;
import org.longform.bench.table.Figure;
import org.longform.bench.table.Report;
import org.longform.bench.table.Target;
import org.longform.kernels.context.ContextStrategies;
import org.longform.kernels.context.ContextStrategy;
import org.longform.kernels.model.Session;

/** Reading a long document with a finite scope, and writing a hundred tokens about it. */
final class DocumentFigures implements Measurement {
  private static final int WRITTEN = 100;
  private static final int PREFILL = 512;
  private static final int LONGER = 4;

  /** A context strategy as users choose it. */
  private record Context(String name, Map<String, String> parameters) {
    String title() {
      StringBuilder title = new StringBuilder(name);
      parameters.forEach((key, value) -> title.append(' ').append(key).append('=').append(value));
      return title.toString();
    }
  }

  private static final List<Context> CONTEXTS =
      List.of(
          new Context("lm-infinite", Map.of()),
          new Context("reattention", Map.of("recall-option", "decode_only")));

  @Override
  public String name() {
    return "document";
  }

  @Override
  public String description() {
    return "finite scope: 32k tokens read and 100 written, against the peer's full attention; the same at 128k";
  }

  /**
   * Seconds of a document, and what they would be for one {@link #LONGER} times as long.
   *
   * @param measured reading and writing
   * @param longer computed
   */
  private record Seconds(double measured, double longer) {}

  @Override
  public void measure(Run run, Report report) {
    Settings settings = run.settings();
    int tokens = settings.documentTokens();
    Map<String, Double> peers = new LinkedHashMap<>();
    Map<String, Double> longerPeers = new LinkedHashMap<>();
    if (!settings.peers().isEmpty()) {
      Engine.Opener peer = best(run);
      if (peer != null) {
        Seconds seconds = peer(run, peer, tokens);
        peers.put(peer.name(), seconds.measured());
        longerPeers.put(peer.name(), seconds.longer());
      }
    }
    for (Context context : CONTEXTS) {
      run.progress(context.title() + ", " + tokens + " tokens");
      Seconds ours = ours(settings, context, tokens);
      report.add(
          figure(
              context,
              tokens,
              ours.measured(),
              peers,
              Target.ratio(5, 10),
              "both measured; the peer's few written tokens by their cost at an empty cache and at an eighth of the document"));
      report.add(
          figure(
              context,
              LONGER * tokens,
              ours.longer(),
              longerPeers,
              Target.ratio(15, 40),
              "extrapolated: ours by the second half of the reading and the written tokens at half and full length, "
                  + "the peer by straight lines of the cost of a token: reading through its prefill at 512 and its whole "
                  + "reading, writing through an empty cache and an eighth of the document"));
    }
  }

  private static Figure figure(
      Context context,
      int tokens,
      double ours,
      Map<String, Double> peers,
      Target target,
      String note) {
    double best = peers.values().stream().mapToDouble(Double::doubleValue).min().orElse(Double.NaN);
    return new Figure(
        "%s: read %d tokens, write %d".formatted(context.title(), tokens, WRITTEN),
        "s",
        ours,
        peers,
        best / ours,
        target,
        note);
  }

  private static Seconds ours(Settings settings, Context context, int tokens) {
    try (Longform longform =
        Longform.open(settings.longModel(), settings.device(), settings.threads())) {
      ContextStrategy strategy =
          ContextStrategies.create(
              context.name(), context.parameters(), longform.decoder().limits());
      int[] ids = longform.ids(tokens + WRITTEN);
      try (Session session = longform.session(strategy)) {
        // a question may need its length, a document of this kind does not
        session.expectPromptTokens(tokens);
        double firstHalf = read(session, ids, 0, tokens / 2);
        double early;
        try (Session fork = session.fork()) {
          early = write(fork, ids, tokens);
        }
        double secondHalf = read(session, ids, tokens / 2, tokens - tokens / 2);
        double late = write(session, ids, tokens);
        Line written =
            Line.fit(
                new double[] {tokens / 2.0, tokens},
                new double[] {early / WRITTEN, late / WRITTEN});
        // a finite scope reads at one speed once it is full; a noisy slope below 0 is none
        double longer =
            firstHalf
                + secondHalf * (2 * LONGER - 1)
                + WRITTEN * Math.max(late / WRITTEN, written.at((double) LONGER * tokens));
        return new Seconds(firstHalf + secondHalf + late, longer);
      }
    }
  }

  private static double read(Session session, int[] ids, int from, int count) {
    long begin = System.nanoTime();
    session.feed(ids, from, count);
    session.flush();
    return (System.nanoTime() - begin) / 1e9;
  }

  private static double write(Session session, int[] ids, int from) {
    long begin = System.nanoTime();
    for (int i = 0; i < WRITTEN; i++) {
      session.logits();
      session.step(ids[from + i]);
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  /** The peer, in its setting that reads fastest behind a part of the document; null for none. */
  private static Engine.Opener best(Run run) {
    Engine.Opener best = null;
    double most = 0;
    Work work = new Work(run.settings().documentTokens() / 8, PREFILL, false);
    for (Engine.Opener opener : run.settings().peers()) {
      if (!opener.reachesDepths()) {
        continue;
      }
      double rate = run.peer(opener, run.settings().longModel(), work);
      if (rate > most) {
        most = rate;
        best = opener;
      }
    }
    return best;
  }

  private static Seconds peer(Run run, Engine.Opener peer, int tokens) {
    double shortRead = 1 / run.peer(peer, run.settings().longModel(), Work.prefill(PREFILL));
    double longRead = 1 / run.peer(peer, run.settings().longModel(), Work.prefill(tokens));
    double shortWrite = 1 / run.peer(peer, run.settings().longModel(), Work.decode(0, WRITTEN));
    // to stand behind the whole document once more takes a peer as long as reading it
    int behind = tokens / 8;
    double laterWrite =
        1 / run.peer(peer, run.settings().longModel(), Work.decode(behind, WRITTEN));
    // the mean token of a reading stands in its middle
    Line read =
        Line.fit(new double[] {PREFILL / 2.0, tokens / 2.0}, new double[] {shortRead, longRead});
    Line written = Line.fit(new double[] {0, behind}, new double[] {shortWrite, laterWrite});
    double longer = (double) LONGER * tokens;
    return new Seconds(
        longRead * tokens + written.between(tokens, tokens + WRITTEN),
        read.between(0, longer) + written.between(longer, longer + WRITTEN));
  }
}
